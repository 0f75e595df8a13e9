source=$(required "$(expanded "$ORB_SOURCE")" "There is no tag to copy: $ORB_SOURCE is empty here.")
target=$(required "$(listed "$(expanded "$ORB_TARGET")")" "There is no tag to add: $ORB_TARGET is empty here.")
for tag in $target; do
  case "$registry" in
    *docker.pkg.dev) gcloud artifacts docker tags add "$name:$source" "$name:$tag" ;;
    *) gcloud container images add-tag --quiet "$name:$source" "$name:$tag" ;;
  esac
done
