state=$(cat "${TMPDIR:-/tmp}/todoke-slack-state" 2> /dev/null || printf pass)
case "$ORB_EVENT" in
  always | "$state") ;;
  *) printf '%s\n' "The job's state is $state, and the message is for $ORB_EVENT: nothing is sent."; exit 0 ;;
esac
named() { # patterns, name: whether one of them matches all of the name
  for pattern in $(listed "$1"); do
    if printf '%s\n' "$2" | grep -Eqx -e "$pattern"; then return 0; fi
  done
  return 1
}
set -f
if [ -n "${CIRCLE_TAG:-}" ]; then patterns=$(expanded "${ORB_TAGS:-}"); name=$CIRCLE_TAG; else patterns=$(expanded "${ORB_BRANCHES:-}"); name=${CIRCLE_BRANCH:-}; fi
if [ -n "$patterns" ]; then
  if named "$patterns" "$name"; then meant=true; else meant=false; fi
  if on "${ORB_INVERT:-}"; then if on "$meant"; then meant=false; else meant=true; fi; fi
  if ! on "$meant"; then printf '%s\n' "No message is meant for $name: nothing is sent."; exit 0; fi
fi
