kube rollout undo "$(required "$(expanded "$ORB_RESOURCE")" "There is no resource to roll back: $ORB_RESOURCE is empty here.")"
