user=$(value_of "$ORB_USERNAME")
principal=$(value_of "$ORB_PRINCIPAL")
if [ -n "$principal" ]; then
  password=$(needed "$ORB_PRINCIPAL_PASSWORD" "it is the password of the service principal")
  tenant=$(needed "$ORB_PRINCIPAL_TENANT" "it is the tenant of the service principal")
  set -- --service-principal --username "$principal" --tenant "$tenant"
elif [ -n "$user" ]; then
  password=$(needed "$ORB_PASSWORD" "it is the password of $ORB_USERNAME")
  set -- --username "$user"
  if on "$ORB_ALTERNATE"; then
    tenant=$(needed "$ORB_TENANT" "it is the tenant to log in to")
    set -- "$@" --tenant "$tenant"
  fi
else
  fail "There are no credentials of Azure: set $ORB_USERNAME and $ORB_PASSWORD, or $ORB_PRINCIPAL, $ORB_PRINCIPAL_PASSWORD and $ORB_PRINCIPAL_TENANT."
fi
printf '%s' "$password" | az login "$@" --password @- --output none
