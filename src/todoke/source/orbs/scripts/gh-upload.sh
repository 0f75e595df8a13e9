tag=$(required "$(expanded "$ORB_TAG")" "There is no tag to upload to: $ORB_TAG is empty here.")
folder=$(at_home "$(expanded "${ORB_FOLDER:-.}")")
cd "$folder" || fail "There is no folder $folder. Correct dir."
eval "set -- $(one_line "$ORB_FILES ${ORB_ARGUMENTS:-}")"
gh release upload "$tag" "$@"
