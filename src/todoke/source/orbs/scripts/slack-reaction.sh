channel=$(required "$(expanded "$ORB_CHANNEL")" "There is no channel: $ORB_CHANNEL is empty here. Set SLACK_DEFAULT_CHANNEL.")
first=$(awk -v key="$ORB_THREAD $channel" '$1 " " $2 == key { print $3; exit }' "${TMPDIR:-/tmp}/todoke-slack-threads" 2> /dev/null || true)
[ -n "$first" ] || fail "There is no thread $ORB_THREAD in $channel. Send its first message with slack/notify and thread_id."
for change in "remove ${ORB_REMOVED:-}" "add ${ORB_ADDED:-}"; do
  name=${change#* }
  if [ -n "$name" ]; then
    answer=$(jq -nc --arg channel "$channel" --arg name "$name" --arg ts "$first" '{channel: $channel, name: $name, timestamp: $ts}' | slack "reactions.${change%% *}" || true)
    refused "$answer" "the reaction $name"
  fi
done
