wanted=$(expanded "$ORB_VERSION")
wanted=${wanted#v}
if [ -z "$wanted" ] && [ -f .nvmrc ]; then wanted=$(head -n 1 .nvmrc | sed -e 's/^v//' -e 's/[[:space:]]*$//'); fi
wanted=${wanted:-lts}
folder=$(at_home "$(expanded "${ORB_FOLDER:-/usr/local}")")
shop=https://nodejs.org/dist
if command -v node > /dev/null; then
  there=$(node --version)
  case "$there." in "v$wanted."*) printf '%s\n' "Node.js $there is there."; exit 0 ;; esac
fi
fetched "$shop/index.tab" "$scratch/index"
case "$wanted" in
  latest | current | node) version=$(awk 'NR == 2 { print $1; exit }' "$scratch/index") ;;
  lts | 'lts/*' | stable) version=$(awk -F '\t' 'NR > 1 && $10 != "-" { print $1; exit }' "$scratch/index") ;;
  lts/*) version=$(awk -F '\t' -v wanted="${wanted#lts/}" 'tolower($10) == tolower(wanted) { print $1; exit }' "$scratch/index") ;;
  *) version=$(awk -v wanted="v$wanted." 'index($1 ".", wanted) == 1 { print $1; exit }' "$scratch/index") ;;
esac
[ -n "$version" ] || fail "There is no Node.js $wanted. See $shop/"
if [ "$(uname -s)" = Darwin ]; then system=darwin; else system=linux; fi
file=node-$version-$system-$(machine x64 arm64).tar.gz
fetched "$shop/$version/$file" "$scratch/$file"
fetched "$shop/$version/SHASUMS256.txt" "$scratch/sums"
checked "$scratch/$file" "$(listed_sum "$scratch/sums" "$file")"
as_root mkdir -p "$folder"
as_root tar -xzf "$scratch/$file" -C "$folder" --strip-components=1 --no-same-owner
case ":$PATH:" in *":$folder/bin:"*) ;; *) on_path "$folder/bin" ;; esac
hash -r
node --version
