state=$(cat "${TMPDIR:-/tmp}/todoke-slack-state" 2> /dev/null || printf pass)
wanted=$ORB_WHEN
if on "${ORB_ONLY_FAILED:-}"; then wanted=on_fail; fi
case "$wanted $state" in
  "on_fail pass" | "on_success fail") printf '%s\n' "The job's state is $state, and the message is for $wanted: nothing is sent."; exit 0 ;;
esac
branches=$(expanded "${ORB_BRANCHES:-}")
if [ -n "$branches" ] && ! listed "$branches" | grep -Fqx -e "${CIRCLE_BRANCH:-}"; then
  printf '%s\n' "No message is meant for ${CIRCLE_BRANCH:-this tag}: nothing is sent."
  exit 0
fi
if [ "$state" = fail ]; then post "$ORB_FAILED" '#ed5c5c'; else post "$ORB_SUCCEEDED" '#1CBF43'; fi
