needed CIRCLE_CONTINUATION_KEY "only a job of a configuration with setup: true may continue" > /dev/null
command -v jq > /dev/null || fail "jq is needed to continue. Use an image that has it, such as cimg/base."
command -v curl > /dev/null || fail "curl is needed to continue. Use an image that has it, such as cimg/base."
configuration=$(at_home "$(expanded "$ORB_CONFIGURATION")")
[ -f "$configuration" ] || fail "There is no $configuration in $(pwd). Correct configuration_path."
parameters=$(expanded "$ORB_PARAMETERS")
if [ -f "$parameters" ]; then parameters=$(cat "$parameters"); fi
printf '%s' "${parameters:-{\}}" | jq -e 'type == "object"' > /dev/null 2>&1 || fail "The parameters are no map in JSON, and no file with one: $ORB_PARAMETERS"
if [ -n "${ORB_LISTED_IN:-}" ] && [ -s "${ORB_CHANGED:-}" ]; then
  parameters=$(printf '%s' "${parameters:-{\}}" | jq -c --arg name "$ORB_LISTED_IN" --rawfile paths "$ORB_CHANGED" '. + {($name): ($paths | rtrimstr("\n") | gsub("\n"; " "))}')
fi
