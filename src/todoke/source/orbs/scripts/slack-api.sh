command -v curl > /dev/null || fail "curl is needed to reach Slack. Use an image that has it, such as cimg/base."
command -v jq > /dev/null || fail "jq is needed to write to Slack. Use an image that has it, such as cimg/base."
slack() { # method, body on standard input: the answer
  printf 'header = "Authorization: Bearer %s"\n' "$SLACK_ACCESS_TOKEN" > "$private/curl"
  curl --silent --show-error --proto '=https' --config "$private/curl" --header 'Content-Type: application/json; charset=utf-8' --data-binary @- "https://$(expanded "${ORB_API:-slack.com}")/api/$1"
}
refused() { # answer, what was tried
  problem=$(printf '%s' "$1" | jq -r 'if .ok then empty else .error // "no answer" end' 2> /dev/null || printf 'no answer')
  if [ -z "$problem" ]; then return 0; fi
  printf '%s\n' "Slack: $2: $problem" >&2
  if ! on "${ORB_LENIENT:-}"; then exit 1; fi
}
umask 077
private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
if [ -z "${SLACK_ACCESS_TOKEN:-}" ]; then
  if on "${ORB_LENIENT:-}"; then printf '%s\n' "SLACK_ACCESS_TOKEN is empty: nothing is sent." >&2; exit 0; fi
  needed SLACK_ACCESS_TOKEN "it is the token of a Slack application"
fi
