file=$(required "$(expanded "$ORB_FILE")" "There is no file: $ORB_FILE is empty here.")
set -- "$ORB_ACTION"
if [ "$ORB_ACTION" = apply ] && on "${ORB_SERVER_SIDE:-}"; then set -- "$@" --server-side; fi
dry=$(dry_run)
if [ -n "$dry" ]; then set -- "$@" "$dry"; fi
if on "${ORB_SUBSTITUTE:-}"; then
  command -v envsubst > /dev/null || fail "envsubst is not there. Install gettext."
  envsubst < "$file" | kube "$@" -f -
elif on "$ORB_KUSTOMIZE"; then
  kube "$@" -k "$file"
else
  kube "$@" -f "$file"
fi
