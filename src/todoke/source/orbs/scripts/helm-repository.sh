repository=$(expanded "${ORB_REPOSITORY:-}")
if [ -n "$repository" ]; then helm repo add "$(required "$release" "The release has no name, which its repository is called after.")" "$repository"; fi
if on "$ORB_UPDATE" && [ -n "$(helm repo list 2> /dev/null || true)" ]; then helm repo update; fi
