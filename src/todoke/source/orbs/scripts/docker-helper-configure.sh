file=$(at_home "$(expanded "$ORB_CONFIG")")
mkdir -p "$(dirname "$file")"
if [ ! -s "$file" ]; then printf '{}\n' > "$file"; fi
command -v jq > /dev/null || fail "jq is needed to change $file. Use an image that has it."
jq --arg helper "$helper" '.credsStore = $helper' "$file" > "$file.new"
mv "$file.new" "$file"
