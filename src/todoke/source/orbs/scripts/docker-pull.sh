for image in $(listed "$(expanded "$ORB_IMAGES")"); do
  docker pull "$image" || on "$ORB_IGNORE" || fail "$image cannot be pulled. Log in first, or correct its name."
done
