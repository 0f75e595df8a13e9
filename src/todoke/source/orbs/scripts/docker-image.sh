registry=$(expanded "$ORB_REGISTRY")
image=$(required "$(expanded "$ORB_IMAGE")" "The image has no name: $ORB_IMAGE is empty here.")
name=${registry:+$registry/}$image
