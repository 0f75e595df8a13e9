image=$(required "$(expanded "$ORB_IMAGE")" "The repository has no name: $ORB_IMAGE is empty here.")
if on "${ORB_PUBLIC:-}"; then
  alias_of=$(required "$(expanded "${ORB_ALIAS:-\${AWS_ECR_PUBLIC_REGISTRY_ALIAS\}}")" "The public registry has no alias: set AWS_ECR_PUBLIC_REGISTRY_ALIAS.")
  name=$registry/$alias_of/$image
else
  name=$registry/$image
fi
