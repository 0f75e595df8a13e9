resource=$(required "$(expanded "$ORB_RESOURCE")" "There is no resource to wait for: $ORB_RESOURCE is empty here.")
set -- rollout status "$resource"
if on "$ORB_WATCH"; then
  set -- "$@" --watch=true
  if [ -n "${ORB_REVISION:-}" ]; then set -- "$@" "--revision=$ORB_REVISION"; fi
  if [ -n "${ORB_TIMEOUT:-}" ]; then set -- "$@" "--timeout=$ORB_TIMEOUT"; fi
else
  set -- "$@" --watch=false
fi
kube "$@"
kube describe "$resource"
