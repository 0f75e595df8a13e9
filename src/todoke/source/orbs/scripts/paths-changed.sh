base=$(required "$(expanded "$ORB_BASE")" "There is no revision to compare with: $ORB_BASE is empty here.")
head=$(git rev-parse HEAD)
known=
for name in "origin/$base" "$base"; do
  if other=$(git rev-parse --verify --quiet "$name^{commit}"); then known=$other; break; fi
done
[ -n "$known" ] || fail "There is no revision $base in this clone. Correct base-revision, or fetch it before."
since=$(git merge-base "$known" "$head" || true)
paths=${ORB_PATHS:-/tmp/files-changed-list}
if [ "$since" = "$head" ] && ! on "${ORB_SAME_BASE:-true}"; then
  : > "$paths"
else
  if [ "$since" = "$head" ]; then since=$(git rev-parse --verify --quiet 'HEAD~1^{commit}' || true); fi
  if [ -z "$since" ]; then since=$(git hash-object -t tree /dev/null); fi
  git -c core.quotePath=false diff --name-only "$since" "$head" > "$paths"
fi
printf '%s\n' "$(wc -l < "$paths" | tr -d ' ') paths differ from $base."
