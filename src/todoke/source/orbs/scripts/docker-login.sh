user=$(needed "$ORB_USERNAME" "it is the name to log in to the registry with")
password=$(needed "$ORB_PASSWORD" "it is the password to log in to the registry with")
registry=$(expanded "$ORB_REGISTRY")
left=${ORB_RETRIES:-1}
until printf '%s' "$password" | docker login --username "$user" --password-stdin ${registry:+"$registry"}; do
  left=$((left - 1))
  if [ "$left" -le 0 ]; then fail "${registry:-docker.io} does not let $user in. Compare $ORB_USERNAME and $ORB_PASSWORD with the registry's."; fi
  sleep 2
done
