store_keys() {
  key=$(expanded "$ORB_KEY")
  secret=$(expanded "$ORB_SECRET")
  if [ -z "$key" ] || [ -z "$secret" ]; then
    fail "There are no credentials of AWS: $ORB_KEY or $ORB_SECRET is empty here. Set them, or give a role to assume."
  fi
  printf '%s\n%s\n\n\n' "$key" "$secret" | aws configure --profile "$profile" > /dev/null
}
