project=$(needed "$ORB_PROJECT" "it names the Google Cloud project")
registry=$(required "$(expanded "$ORB_REGISTRY")" "registry-url is empty. It is gcr.io, or a host of docker.pkg.dev.")
repository=$(expanded "${ORB_REPOSITORY:-}")
image=$(required "$(expanded "$ORB_IMAGE")" "The image has no name: $ORB_IMAGE is empty here.")
name=$registry/$project/${repository:+$repository/}$image
