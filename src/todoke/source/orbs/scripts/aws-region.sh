store_region() {
  if [ -z "$region" ]; then
    printf '%s\n' "No region is stored: ${ORB_REGION:-it} is empty here."
    return 0
  fi
  if on "$ORB_DEFAULT_REGION"; then aws configure set default.region "$region"; fi
  if on "${ORB_PROFILE_REGION:-true}" && [ "$profile" != default ]; then aws configure set region "$region" --profile "$profile"; fi
}
