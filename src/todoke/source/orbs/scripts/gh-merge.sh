branch=$(expanded "$ORB_BRANCH")
repository=$(expanded "${ORB_REPOSITORY:-}")
set --
if [ -n "$branch" ]; then set -- "$@" "$branch"; fi
if [ -n "$repository" ]; then set -- "$@" --repo "$repository"; fi
eval "set -- \"\$@\" $(one_line "$ORB_ARGUMENTS")"
gh pr merge "$@"
