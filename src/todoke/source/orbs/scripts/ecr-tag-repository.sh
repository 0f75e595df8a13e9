profile=$(expanded "$ORB_PROFILE")
region=$(expanded "$ORB_REGION")
repository=$(required "$(expanded "$ORB_IMAGE")" "The repository has no name: $ORB_IMAGE is empty here.")
place=$(aws ecr describe-repositories --profile "$profile" ${region:+--region "$region"} --repository-names "$repository" --query 'repositories[0].repositoryArn' --output text)
set -f
eval "set -- $ORB_TAG"
aws ecr tag-resource --profile "$profile" ${region:+--region "$region"} --resource-arn "$place" --tags "$@"
