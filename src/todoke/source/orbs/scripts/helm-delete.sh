required "$release" "There is no release to delete: $ORB_RELEASE is empty here." > /dev/null
if is_two; then when "$ORB_PURGE" --purge; else when "$ORB_KEEP" --keep-history; fi
printf '%s' "$options" > "$options_file"
run_helm delete "$release"
