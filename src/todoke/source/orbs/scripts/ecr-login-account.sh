region=$(required "$(expanded "$ORB_REGION")" "There is no region of AWS: $ORB_REGION is empty here.")
account=$(aws sts get-caller-identity --query Account --output text)
password=$(aws ecr get-login-password --region "$region")
printf '%s' "$password" | docker login --username AWS --password-stdin "$account.dkr.ecr.$region.amazonaws.com"
