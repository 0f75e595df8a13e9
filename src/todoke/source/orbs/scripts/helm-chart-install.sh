required "$chart" "There is no chart: $ORB_CHART is empty here." > /dev/null
when "${ORB_CREATE:-}" --create-namespace
set -- install
if is_two; then
  given "$release" --name
elif [ -n "$release" ]; then
  set -- "$@" "$release"
else
  with --generate-name
fi
printf '%s' "$options" > "$options_file"
run_helm "$@" "$chart"
