section() { # text: a message of one section
  jq -nc --arg text "$1" '{text: $text, blocks: [{type: "section", text: {type: "mrkdwn", text: $text}}]}'
}
built_in() {
  # shellcheck disable=SC2016 # variables are put in later, inside the texts of the message
  case "$1" in
    basic_success_1) section ':white_check_mark: *$CIRCLE_JOB* of $CIRCLE_PROJECT_REPONAME has succeeded on $CIRCLE_BRANCH$CIRCLE_TAG. $SLACK_PARAM_MENTIONS <$CIRCLE_BUILD_URL|Show the job>' ;;
    basic_fail_1) section ':x: *$CIRCLE_JOB* of $CIRCLE_PROJECT_REPONAME has failed on $CIRCLE_BRANCH$CIRCLE_TAG, by $CIRCLE_USERNAME. $SLACK_PARAM_MENTIONS <$CIRCLE_BUILD_URL|Show the job>' ;;
    success_tagged_deploy_1) section ':rocket: $CIRCLE_PROJECT_REPONAME $CIRCLE_TAG is deployed. $SLACK_PARAM_MENTIONS <$CIRCLE_BUILD_URL|Show the job>' ;;
    basic_on_hold_1) section ':raised_hand: A workflow of $CIRCLE_PROJECT_REPONAME waits for an approval on $CIRCLE_BRANCH. $SLACK_PARAM_MENTIONS <${SLACK_PARAM_CIRCLECI_HOST}/workflow-run/$CIRCLE_WORKFLOW_ID|Show the workflow>' ;;
  esac
}
export SLACK_PARAM_MENTIONS="${ORB_MENTIONS:-}" SLACK_PARAM_CIRCLECI_HOST="${ORB_HOST:-https://circleci.com}"
name=${ORB_TEMPLATE:-}
if [ -n "${ORB_CUSTOM:-}" ]; then
  message=$ORB_CUSTOM
else
  if [ -z "$name" ]; then if [ "$state" = fail ]; then name=basic_fail_1; else name=basic_success_1; fi; fi
  case "$name" in *[!A-Za-z0-9_]* | [0-9]*) fail "The template $name is not the name of a variable." ;; esac
  message=$(value_of "$name")
  if [ -z "$message" ]; then message=$(built_in "$name"); fi
  [ -n "$message" ] || fail "There is no template $name: set the variable $name to its text."
fi
printf '%s' "$message" | jq -e 'type == "object"' > /dev/null 2>&1 || fail "The message is no map in JSON. Try it in Slack's Block Kit Builder."
# variables are put in inside of each text, so that no quote or line end in them can break the JSON
message=$(printf '%s' "$message" | jq -c 'def value($name): env[$name] // "";
  def filled: gsub("\\$\\{(?<name>[A-Za-z_][A-Za-z0-9_]*):(?<from>[0-9]+):(?<count>[0-9]+)\\}"; value(.name)[(.from | tonumber):(.from | tonumber) + (.count | tonumber)])
    | gsub("\\$\\{(?<name>[A-Za-z_][A-Za-z0-9_]*)(?<rest>:-[^}]*)?\\}"; if value(.name) == "" then (.rest // "")[2:] else value(.name) end)
    | gsub("\\$(?<name>[A-Za-z_][A-Za-z0-9_]*)"; value(.name));
  walk(if type == "string" then filled else . end) | .text //= ""')
channels=$(required "$(listed "$(expanded "$ORB_CHANNEL")")" "There is no channel: $ORB_CHANNEL is empty here. Set SLACK_DEFAULT_CHANNEL.")
method=chat.postMessage
after=${ORB_LATER:-0}
if [ "${after:-0}" != 0 ]; then
  method=chat.scheduleMessage
  message=$(printf '%s' "$message" | jq -c --argjson at "$(($(date +%s) + after))" '. + {post_at: $at}')
fi
threads=${TMPDIR:-/tmp}/todoke-slack-threads
for channel in $channels; do
  body=$(printf '%s' "$message" | jq -c --arg channel "$channel" '. + {channel: $channel}')
  thread=${ORB_THREAD:-}
  if [ -n "$thread" ] && [ -f "$threads" ]; then
    first=$(awk -v key="$thread $channel" '$1 " " $2 == key { print $3; exit }' "$threads")
    if [ -n "$first" ]; then body=$(printf '%s' "$body" | jq -c --arg ts "$first" '. + {thread_ts: $ts}'); thread=; fi
  fi
  if on "${ORB_DEBUG:-}"; then printf '%s' "$body" | jq .; fi
  answer=$(printf '%s' "$body" | slack "$method" || true)
  refused "$answer" "the message to $channel"
  if [ -n "$thread" ]; then printf '%s %s %s\n' "$thread" "$channel" "$(printf '%s' "$answer" | jq -r '.ts // ""')" >> "$threads"; fi
done
