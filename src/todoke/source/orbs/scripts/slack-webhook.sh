command -v curl > /dev/null || fail "curl is needed to reach Slack. Use an image that has it, such as cimg/base."
command -v jq > /dev/null || fail "jq is needed to write to Slack. Use an image that has it, such as cimg/base."
address=$(required "$(expanded "$ORB_WEBHOOK")" "There is no webhook of Slack: $ORB_WEBHOOK is empty here. Set SLACK_WEBHOOK.")
mentions=
for one in $(listed "$(expanded "${ORB_MENTIONS:-}")"); do
  case "$one" in
    here | channel | everyone) mentions="$mentions <!$one>" ;;
    S*) mentions="$mentions <!subteam^$one>" ;;
    *) mentions="$mentions <@$one>" ;;
  esac
done
fields=
if on "${ORB_SHOW_PROJECT:-}"; then fields="$fields Project=${CIRCLE_PROJECT_REPONAME:-}
"; fi
if on "${ORB_SHOW_NUMBER:-}"; then fields="${fields}Job Number=${CIRCLE_BUILD_NUM:-}
"; fi
button=
if on "${ORB_SHOW_BUTTON:-}"; then button=$(expanded "${ORB_BUTTON_URL:-}"); fi
post() { # text, colour: the message as an attachment; the address is in no argument
  umask 077
  private=$(mktemp)
  trap 'rm -f "$private"' EXIT
  printf 'url = "%s"\n' "$address" > "$private"
  jq -nc --arg text "$(expanded "$1")$mentions" --arg color "$2" --arg channel "$(expanded "${ORB_CHANNEL:-}")" \
    --arg author_name "$(expanded "${ORB_AUTHOR:-}")" --arg author_link "$(expanded "${ORB_AUTHOR_LINK:-}")" \
    --arg title "$(expanded "${ORB_TITLE:-}")" --arg title_link "$(expanded "${ORB_TITLE_LINK:-}")" \
    --arg footer "$(expanded "${ORB_FOOTER:-}")" --arg ts "$(expanded "${ORB_TIME:-}")" --arg image_url "$(expanded "${ORB_IMAGE:-}")" \
    --arg fields "$fields" --arg button "$button" --arg caption "${ORB_BUTTON:-Visit Job}" '
    def filled: with_entries(select(.value != "" and .value != []));
    {channel: $channel, attachments: [{fallback: $text, text: $text, color: $color, author_name: $author_name, author_link: $author_link,
      title: $title, title_link: $title_link, footer: $footer, ts: $ts, image_url: $image_url,
      fields: [$fields | split("\n")[] | select(. != "") | capture("^ *(?<title>[^=]*)=(?<value>.*)$") + {short: true}],
      actions: (if $button == "" then [] else [{type: "button", text: $caption, url: $button}] end)} | filled]} | filled' |
    curl --silent --show-error --fail --config "$private" --header 'Content-Type: application/json' --data-binary @- --output /dev/null ||
    fail "Slack has not taken the message."
}
