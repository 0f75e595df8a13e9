profile=$(expanded "${ORB_PROFILE:-default}")
if on "${ORB_PUBLIC:-}"; then set -- ecr-public --region us-east-1; else set -- ecr ${region:+--region "$region"}; fi
service=$1
shift
password=$(aws "$service" get-login-password "$@" --profile "$profile")
printf '%s' "$password" | docker login --username AWS --password-stdin "$registry"
