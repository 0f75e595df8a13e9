[ -s "$ORB_LIST" ] || fail "There is no list of configurations in $ORB_LIST. Run set-parameters before."
count=$(wc -l < "$ORB_LIST")
set --
while IFS= read -r name; do
  [ -f "$name" ] || fail "There is no $name in $(pwd). Correct config-path, or the fourth word of the mapping."
  set -- "$@" "$name"
done < "$ORB_LIST"
if [ "$count" -eq 1 ]; then
  cp "$1" "$ORB_GENERATED"
else
  command -v yq > /dev/null || fail "yq is needed to put $count configurations together. Use an image that has it."
  # shellcheck disable=SC2016 # these are variables of yq
  yq eval-all '. as $one ireduce ({}; . * $one)' "$@" > "$ORB_GENERATED"
fi
