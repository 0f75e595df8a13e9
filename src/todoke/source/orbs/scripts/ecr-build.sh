profile=$(expanded "${ORB_PROFILE:-default}")
tags=$(required "$(listed "$(expanded "$ORB_TAG")")" "There is no tag: $ORB_TAG is empty here.")
path=$(at_home "$(expanded "$ORB_PATH")")
context=$(at_home "$(expanded "$ORB_CONTEXT")")
file=$path/$(expanded "$ORB_DOCKERFILE")
platform=$(expanded "${ORB_PLATFORM:-}")
[ -f "$file" ] || fail "There is no $file in $(pwd). Correct path or dockerfile."
if on "${ORB_SKIP:-}"; then
  missing=
  for tag in $tags; do
    aws ecr describe-images --profile "$profile" ${region:+--region "$region"} --repository-name "$image" --image-ids "imageTag=$tag" > /dev/null 2>&1 || missing=$tag
  done
  if [ -z "$missing" ]; then printf '%s\n' "All tags of $image are there: nothing is built."; exit 0; fi
fi
policy=$(at_home "$(expanded "${ORB_LIFECYCLE:-}")")
if [ -n "$policy" ]; then
  [ -f "$policy" ] || fail "There is no $policy in $(pwd). Correct the path of the lifecycle policy."
  aws ecr put-lifecycle-policy --profile "$profile" ${region:+--region "$region"} --repository-name "$image" --lifecycle-policy-text "file://$policy" > /dev/null
fi
set -f
eval "set -- $(one_line "$ORB_EXTRA")"
if [ -n "$platform" ]; then set -- "$@" "--platform=$platform"; fi
for tag in $tags; do
  set -- "$@" "--tag=$name:$tag"
done
case "$platform" in
  *,*) # an image of several platforms cannot lie on the machine: it is built into the registry
    on "${ORB_PUSH:-true}" || fail "An image of several platforms ($platform) can only be built when it is pushed."
    docker run --rm --privileged "tonistiigi/binfmt:${ORB_BINFMT:-latest}" --install all
    docker buildx inspect todoke > /dev/null 2>&1 || docker buildx create --name todoke --driver docker-container
    docker buildx build --builder todoke --push "--file=$file" "$@" "$context" ;;
  *)
    docker build "--file=$file" "$@" "$context"
    if on "${ORB_PUSH:-true}"; then
      for tag in $tags; do docker push "$name:$tag"; done
    fi ;;
esac
