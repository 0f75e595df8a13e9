token=$(value_of "$ORB_TOKEN")
[ -n "$token" ] || fail "A GitHub token must be supplied. Check the \"token\" parameter: the environment variable $ORB_TOKEN is empty."
host=$(expanded "$ORB_HOSTNAME")
case "$host" in
  "" | github.com) export GITHUB_TOKEN="$token" ;;
  *) export GH_ENTERPRISE_TOKEN="$token" GH_HOST="$host" ;;
esac
