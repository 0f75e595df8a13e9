name=$(required "$(expanded "$ORB_SECRET")" "The Secret has no name: $ORB_SECRET is empty here.")
key=$(required "$(expanded "$ORB_KEY")" "The key has no name: $ORB_KEY is empty here.")
umask 077
patch=$(mktemp)
trap 'rm -f "$patch"' EXIT
value=$(expanded "$ORB_VALUE")
printf 'data:\n  "%s": %s\n' "$key" "$(printf '%s' "$value" | base64 | tr -d '\n')" > "$patch"
set -- patch secret "$name" "--patch-file=$patch" # the value is in no argument
dry=$(dry_run)
if [ -n "$dry" ]; then set -- "$@" "$dry"; fi
kube "$@"
