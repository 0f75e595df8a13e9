version=$(expanded "$ORB_VERSION")
version=${version#v}
if command -v gh > /dev/null; then
  there=$(gh --version | sed -n 's/^gh version \([^ ]*\).*/\1/p')
  case "$version" in latest | "$there") printf '%s\n' "gh $there is there."; exit 0 ;; esac
fi
if [ "$version" = latest ]; then version=$(newest cli/cli); fi
if [ "$(uname -s)" = Darwin ]; then brew install gh; exit 0; fi
file=gh_${version}_linux_$(machine amd64 arm64).tar.gz
shop=https://github.com/cli/cli/releases/download/v$version
fetched "$shop/$file" "$scratch/$file"
fetched "$shop/gh_${version}_checksums.txt" "$scratch/sums"
checked "$scratch/$file" "$(listed_sum "$scratch/sums" "$file")"
tar -xzf "$scratch/$file" -C "$scratch"
as_root install -m 0755 "$scratch/${file%.tar.gz}/bin/gh" /usr/local/bin/gh
gh --version
