answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
# the key is in no argument: jq reads it from the environment, curl its body from a pipe
status=$(printf '%s' "${parameters:-{\}}" | jq -c --rawfile configuration "$configuration" '{"continuation-key": env.CIRCLE_CONTINUATION_KEY, configuration: $configuration, parameters: .}' | curl --silent --show-error --proto '=https' --header 'Content-Type: application/json' --data-binary @- --output "$answer" --write-out '%{http_code}' "https://$(expanded "$ORB_DOMAIN")/api/v2/pipeline/continue")
if [ "$status" != 200 ]; then fail "The pipeline does not continue: $(jq -r '.message // .' "$answer" 2> /dev/null || cat "$answer") (HTTP $status)"; fi
printf '%s\n' "The pipeline continues."
