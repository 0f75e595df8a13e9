profile=$(required "$(expanded "$ORB_PROFILE")" "The profile has no name: $ORB_PROFILE is empty here.")
role=$(required "$(expanded "$ORB_ROLE")" "There is no role for the profile $profile: $ORB_ROLE is empty here.")
source=$(expanded "$ORB_SOURCE")
aws configure set role_arn "$role" --profile "$profile"
aws configure set source_profile "$source" --profile "$profile"
