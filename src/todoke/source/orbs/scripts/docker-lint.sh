set -f
set --
for rule in $(listed "$(expanded "${ORB_IGNORE:-}")"); do set -- "$@" --ignore "$rule"; done
for registry in $(listed "$(expanded "${ORB_TRUSTED:-}")"); do set -- "$@" --trusted-registry "$registry"; done
if [ -n "${ORB_THRESHOLD:-}" ]; then set -- "$@" --failure-threshold "$ORB_THRESHOLD"; fi
for file in $(printf '%s' "$(expanded "$ORB_DOCKERFILES")" | tr ':,' '  '); do
  file=$(at_home "$file")
  [ -f "$file" ] || fail "There is no $file in $(pwd). Correct dockerfiles."
  if command -v hadolint > /dev/null; then
    hadolint "$@" "$file"
  else
    docker run --rm --interactive hadolint/hadolint hadolint "$@" - < "$file"
  fi
done
