profile=$(expanded "$ORB_PROFILE")
region=$(expanded "$ORB_REGION")
repository=$(required "$(expanded "$ORB_IMAGE")" "The repository has no name: $ORB_IMAGE is empty here.")
policy=$(at_home "$(expanded "$ORB_POLICY")")
[ -f "$policy" ] || fail "There is no file ${policy:-of a policy} in $(pwd). Correct the path of the policy."
if on "$ORB_PUBLIC"; then service=ecr-public region=us-east-1; else service=ecr; fi
aws "$service" set-repository-policy --profile "$profile" ${region:+--region "$region"} --repository-name "$repository" --policy-text "file://$policy"
