umask 077
profile=$(required "$(expanded "$ORB_PROFILE")" "The profile has no name: $ORB_PROFILE is empty here.")
region=$(expanded "${ORB_REGION:-}")
