repository=$(required "$(expanded "$ORB_REPOSITORY")" "There is no repository to clone: $ORB_REPOSITORY is empty here.")
folder=$(at_home "$(expanded "$ORB_FOLDER")")
branch=$(expanded "${ORB_BRANCH:-}")
host=$(expanded "$ORB_HOSTNAME")
host=${host:-github.com}
known=$HOME/.ssh/known_hosts
mkdir -p "$HOME/.ssh"
chmod 700 "$HOME/.ssh"
if ! grep -qsF "$host " "$known"; then
  if [ "$host" = github.com ]; then
    printf '%s\n' 'github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl' >> "$known"
  elif command -v ssh-keyscan > /dev/null; then
    ssh-keyscan -t ed25519,ecdsa,rsa "$host" >> "$known" 2> /dev/null || printf '%s\n' "The SSH key of $host cannot be looked up."
  fi
fi
set -- "$repository" "$folder"
if [ -n "$branch" ]; then set -- "$@" -- "--branch=$branch"; fi
gh repo clone "$@"
