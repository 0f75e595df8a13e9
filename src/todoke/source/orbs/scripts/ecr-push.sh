tags=$(required "$(listed "$(expanded "$ORB_TAG")")" "There is no tag: $ORB_TAG is empty here.")
for tag in $tags; do
  docker push "$name:$tag"
done
