required "$release" "The release has no name: give one." > /dev/null
required "$chart" "There is no chart: $ORB_CHART is empty here." > /dev/null
when "${ORB_ATOMIC:-}" --atomic
when "${ORB_NO_HOOKS:-}" --no-hooks
when "${ORB_DRY_RUN:-}" --dry-run
when "${ORB_FORCE:-}" --force
when "${ORB_RESET:-}" --reset-values
when "${ORB_REUSE:-}" --reuse-values
when "${ORB_RECREATE:-}" --recreate-pods
case "$(expanded "${ORB_DEVEL:-}")" in "" | false | 0) ;; *) with --devel ;; esac
while IFS= read -r file; do given "$file" --values; done < <(listed "$(expanded "${ORB_VALUES:-}")")
given "$(expanded "${ORB_CHART_VERSION:-}")" --version
when "${ORB_CREATE:-}" --create-namespace
printf '%s' "$options" > "$options_file"
run_helm upgrade --install "$release" "$chart"
