version=$(expanded "$ORB_VERSION")
version=${version#v}
folder=$(at_home "$(expanded "$ORB_FOLDER")")
if command -v docker > /dev/null; then
  there=$(docker --version)
  case "$version" in latest) printf '%s\n' "$there is there."; exit 0 ;; esac
  case "$there" in *" $version"[,+\ ]*) printf '%s\n' "$there is there."; exit 0 ;; esac
fi
shop=https://download.docker.com/linux/static/stable/$(machine x86_64 aarch64)
if [ "$version" = latest ]; then
  fetched "$shop/" "$scratch/list"
  version=$(sed -n 's/.*href="docker-\([0-9][0-9.]*\)\.tgz".*/\1/p' "$scratch/list" | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1)
fi
fetched "$shop/docker-$version.tgz" "$scratch/docker.tgz"
tar -xzf "$scratch/docker.tgz" -C "$scratch"
as_root mkdir -p "$folder"
as_root cp "$scratch"/docker/* "$folder/"
"$folder/docker" --version
