version=$(expanded "$ORB_VERSION")
version=${version#v}
if command -v shellcheck > /dev/null; then
  there=$(shellcheck --version | sed -n 's/^version: //p')
  case "$version" in "$there" | latest) printf '%s\n' "ShellCheck $there is there."; exit 0 ;; esac
fi
if [ "$version" = latest ]; then version=$(newest koalaman/shellcheck); fi
if [ "$(uname -s)" = Darwin ]; then system=darwin; else system=linux; fi
file=shellcheck-v$version.$system.$(machine x86_64 aarch64).tar.xz
fetched "https://github.com/koalaman/shellcheck/releases/download/v$version/$file" "$scratch/$file" # it lists no checksums
tar -xJf "$scratch/$file" -C "$scratch"
as_root install -m 0755 "$scratch/shellcheck-v$version/shellcheck" /usr/local/bin/shellcheck
shellcheck --version
