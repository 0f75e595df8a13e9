file=$(expanded "${ORB_FILE:-}")
resource=$(expanded "${ORB_RESOURCE:-}")
updates=$(required "$(expanded "$ORB_IMAGES")" "There is no image: $ORB_IMAGES is empty here.")
if [ -n "$file" ]; then set -- -f "$file"; elif [ -n "$resource" ]; then set -- "$resource"; else fail "The resource is not named: give resource-name or resource-file-path."; fi
set -f
for one in $updates; do set -- "$@" "$one"; done
dry=$(dry_run)
if [ -n "$dry" ]; then set -- "$@" "$dry"; fi
kube set image "$@"
