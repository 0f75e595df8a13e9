region=$(expanded "${ORB_REGION:-}")
if on "${ORB_PUBLIC:-}"; then
  registry=public.ecr.aws
else
  if [ -n "${ORB_ACCOUNT_URL:-}" ]; then
    registry=$(required "$(expanded "$ORB_ACCOUNT_URL")" "The registry has no name: $ORB_ACCOUNT_URL is empty here.")
  else
    account=$(required "$(expanded "$ORB_ACCOUNT")" "The registry has no account: $ORB_ACCOUNT is empty here.")
    region=$(required "$region" "There is no region of AWS: ${ORB_REGION:-the region} is empty here.")
    registry=$account.dkr.ecr.$region.$(expanded "${ORB_DOMAIN:-amazonaws.com}")
  fi
fi
