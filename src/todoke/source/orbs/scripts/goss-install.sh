version=$(expanded "$ORB_VERSION")
folder=$(at_home "$(expanded "$ORB_FOLDER")")
architecture=${ORB_ARCHITECTURE:-$(machine amd64 arm64)}
if [ "$version" = latest ]; then version=$(newest goss-org/goss); fi
version=v${version#v}
as_root mkdir -p "$folder"
if command -v goss > /dev/null && goss --version | grep -qF "${version#v}"; then
  printf '%s\n' "goss $version is there."
else
  file=goss-linux-$architecture
  shop=https://github.com/goss-org/goss/releases/download/$version
  fetched "$shop/$file" "$scratch/$file"
  fetched "$shop/$file.sha256" "$scratch/sums"
  checked "$scratch/$file" "$(awk '{ print $1; exit }' "$scratch/sums")"
  as_root install -m 0755 "$scratch/$file" "$folder/goss"
fi
if ! command -v dgoss > /dev/null; then
  fetched "https://raw.githubusercontent.com/goss-org/goss/$version/extras/dgoss/dgoss" "$scratch/dgoss"
  as_root install -m 0755 "$scratch/dgoss" "$folder/dgoss"
fi
