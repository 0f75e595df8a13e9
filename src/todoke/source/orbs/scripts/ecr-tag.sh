profile=$(expanded "${ORB_PROFILE:-default}")
account=$(expanded "${ORB_ACCOUNT:-}")
repository=$(required "$(expanded "$ORB_IMAGE")" "The repository has no name: $ORB_IMAGE is empty here.")
source=$(required "$(expanded "$ORB_SOURCE")" "There is no tag to copy: $ORB_SOURCE is empty here.")
tags=$(required "$(listed "$(expanded "$ORB_TARGET")")" "There is no tag to add: $ORB_TARGET is empty here.")
set -f
eval "set -- $(one_line "${ORB_ARGUMENTS:-}")"
set -- --profile "$profile" --repository-name "$repository" ${account:+--registry-id "$account"} "$@"
manifest=$(aws ecr batch-get-image "$@" --image-ids "imageTag=$source" --query 'images[0].imageManifest' --output text)
case "$manifest" in "" | None) fail "There is no $repository:$source." ;; esac
for tag in $tags; do
  if on "${ORB_SKIP:-}" && aws ecr describe-images "$@" --image-ids "imageTag=$tag" > /dev/null 2>&1; then
    printf '%s\n' "$repository:$tag is there."
  else
    aws ecr put-image "$@" --image-tag "$tag" --image-manifest "$manifest" > /dev/null
  fi
done
