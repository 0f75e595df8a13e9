command -v shellcheck > /dev/null || fail "ShellCheck is not there. Call shellcheck/install before."
folder=$(at_home "$(expanded "$ORB_FOLDER")")
[ -d "$folder" ] || fail "There is no folder $folder in $(pwd). Correct dir."
set -- "--severity=$ORB_SEVERITY" "--format=$ORB_FORMAT"
if [ -n "$ORB_EXCLUDE" ]; then set -- "$@" "--exclude=$ORB_EXCLUDE"; fi
if [ -n "$ORB_SHELL" ]; then set -- "$@" "--shell=$ORB_SHELL"; fi
if on "$ORB_SOURCES"; then set -- "$@" --external-sources; fi
list=$(mktemp)
trap 'rm -f "$list"' EXIT
find "$folder" -type f -name "${ORB_PATTERN:-*.sh}" | sort > "$list"
ignored=$(printf '%s\n' "$ORB_IGNORED" | tr '[],"' '\n\n\n\n' | sed -e 's/^ *//' -e 's/ *$//' -e 's#^\./##' -e 's#/$##' -e '/^$/d')
failed=false
checked=0
: > "$ORB_OUTPUT"
while IFS= read -r file; do
  plain=${file#./}
  for other in $ignored; do
    case "$plain" in "$other"/* | */"$other"/*) continue 2 ;; esac
  done
  checked=$((checked + 1))
  if ! shellcheck "$@" "$file" >> "$ORB_OUTPUT"; then failed=true; fi
done < "$list"
cat "$ORB_OUTPUT"
printf '%s\n' "$checked scripts are checked."
if on "$failed"; then fail "ShellCheck has found something."; fi
