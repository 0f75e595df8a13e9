command -v python3 > /dev/null || fail "Python is needed to read the mapping. Use an image that has it, such as cimg/python."
export ORB_PATHS="$paths"
python3 -c '
import json, os, re, sys

given = os.environ
def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
def whole(pattern, name):
    try:
        return re.compile(pattern)
    except re.error as error:
        sys.exit(f"{name} is no pattern: {pattern}: {error}")

mapping = given["ORB_MAPPING"]
if len(mapping.split()) == 1 and os.path.isfile(mapping.strip()):
    with open(mapping.strip(), encoding="utf-8") as file:
        mapping = file.read()
with open(given["ORB_PATHS"], encoding="utf-8") as file:
    changed = file.read().splitlines()
for pattern in lines(given.get("ORB_EXCLUDE", "")):
    changed = [path for path in changed if not whole(pattern, "A line of exclude").fullmatch(path)]
parameters, configurations, general = {}, [], False
for line in lines(mapping):
    words = line.split()
    if len(words) not in (3, 4):
        sys.exit(f"A line of the mapping needs a pattern, a parameter and a value: {line}")
    pattern, name, value = words[:3]
    try:
        value = json.loads(value)
    except ValueError:
        sys.exit(f"A value of the mapping is no JSON, and text needs double quotes: {line}")
    if any(whole(pattern, "A line of the mapping").fullmatch(path) for path in changed):
        parameters[name] = value
        general = general or len(words) == 3
        configurations += words[3:]
if general or not configurations:
    configurations.insert(0, given["ORB_CONFIG"])
with open(given["ORB_OUTPUT"], "w", encoding="utf-8") as file:
    json.dump(parameters, file)
with open(given.get("ORB_CONFIGS") or "/tmp/filtered-config-list", "w", encoding="utf-8") as file:
    file.writelines(f"{name}\n" for name in dict.fromkeys(configurations))
print("Parameters: " + json.dumps(parameters))
'
