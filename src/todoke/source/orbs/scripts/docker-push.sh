tags=$(required "$(listed "$(expanded "$ORB_TAG")")" "There is no tag: $ORB_TAG is empty here.")
first=
for tag in $tags; do
  docker push "$name:$tag"
  first=${first:-$tag}
done
digest=$(at_home "$(expanded "${ORB_DIGEST:-}")")
if [ -n "$digest" ]; then
  mkdir -p "$(dirname "$digest")"
  docker image inspect --format '{{index .RepoDigests 0}}' "$name:$first" > "$digest"
fi
