tag=$(required "$(expanded "$ORB_TAG")" "There is no tag to release: $ORB_TAG is empty here.")
notes=$(expanded "$ORB_NOTES")
title=$(expanded "$ORB_TITLE")
folder=$(at_home "$(expanded "${ORB_FOLDER:-.}")")
cd "$folder" || fail "There is no folder $folder. Correct dir."
set -- "$tag"
if on "$ORB_DRAFT"; then set -- "$@" --draft; fi
if on "$ORB_PRERELEASE"; then set -- "$@" --prerelease; fi
if [ -n "$notes" ]; then
  [ -f "$notes" ] || fail "There is no $notes in $(pwd). Correct notes-file."
  set -- "$@" --notes-file "$notes"
else
  set -- "$@" --notes ''
fi
if [ -n "$title" ]; then set -- "$@" --title "$title"; fi
eval "set -- \"\$@\" $(one_line "${ORB_ARGUMENTS:-} $ORB_FILES")"
gh release create "$@"
