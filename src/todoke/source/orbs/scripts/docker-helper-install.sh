if command -v "docker-credential-$helper" > /dev/null; then printf '%s\n' "docker-credential-$helper is there."; exit 0; fi
version=$(expanded "$ORB_VERSION")
if [ -z "$version" ]; then version=$(newest docker/docker-credential-helpers); fi
version=v${version#v}
if [ "$helper" = pass ]; then
  command -v pass > /dev/null || { as_root apt-get update && as_root apt-get install --yes --no-install-recommends gnupg pass; }
  if [ ! -d "$HOME/.password-store" ]; then
    gpg --batch --passphrase '' --quick-generate-key todoke-ci default default never
    pass init todoke-ci
  fi
  system=linux
else
  system=darwin
fi
file=docker-credential-$helper-$version.$system-$(machine amd64 arm64)
shop=https://github.com/docker/docker-credential-helpers/releases/download/$version
fetched "$shop/$file" "$scratch/$file"
fetched "$shop/checksums.txt" "$scratch/sums"
checked "$scratch/$file" "$(listed_sum "$scratch/sums" "$file")"
as_root install -m 0755 "$scratch/$file" "/usr/local/bin/docker-credential-$helper"
