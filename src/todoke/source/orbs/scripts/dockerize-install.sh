version=$(expanded "$ORB_VERSION")
folder=$(at_home "$(expanded "$ORB_FOLDER")")
if command -v dockerize > /dev/null; then
  there=$(dockerize --version)
  case "$version" in latest) printf '%s\n' "dockerize $there is there."; exit 0 ;; esac
  case "$there" in *"${version#v}"*) printf '%s\n' "dockerize $there is there."; exit 0 ;; esac
fi
if [ "$version" = latest ]; then version=$(newest jwilder/dockerize); fi
version=v${version#v}
fetched "https://github.com/jwilder/dockerize/releases/download/$version/dockerize-linux-$(machine amd64 arm64)-$version.tar.gz" "$scratch/dockerize.tgz"
tar -xzf "$scratch/dockerize.tgz" -C "$scratch"
as_root mkdir -p "$folder"
as_root install -m 0755 "$scratch/dockerize" "$folder/dockerize"
"$folder/dockerize" --version
