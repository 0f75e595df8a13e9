tags=$(required "$(listed "$(expanded "$ORB_TAG")")" "There is no tag: $ORB_TAG is empty here.")
path=$(at_home "$(expanded "$ORB_PATH")")
context=$(at_home "$(expanded "$ORB_CONTEXT")")
file=$path/$(expanded "$ORB_DOCKERFILE")
[ -f "$file" ] || fail "There is no $file in $(pwd). Correct path or dockerfile."
if on "${ORB_BUILDKIT:-}" || [ -n "${ORB_CACHE_TO:-}" ]; then export DOCKER_BUILDKIT=1; fi
set -f
eval "set -- $(one_line "$ORB_EXTRA")"
for from in $(listed "$(expanded "${ORB_CACHE_FROM:-}")"); do
  if ! on "${DOCKER_BUILDKIT:-}"; then docker pull "$from" || printf '%s\n' "$from is not there yet: nothing is reused from it."; fi
  set -- "$@" "--cache-from=$from"
done
for to in $(listed "$(expanded "${ORB_CACHE_TO:-}")"); do
  set -- "$@" "--cache-to=type=registry,ref=$to,mode=max"
done
for tag in $tags; do
  set -- "$@" "--tag=$name:$tag"
done
docker build "--file=$file" "$@" "$context"
