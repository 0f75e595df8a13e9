version=$(expanded "$ORB_VERSION")
folder=$(at_home "$(expanded "$ORB_FOLDER")")
if command -v docker-compose > /dev/null; then
  there=$(docker-compose --version)
  case "$version" in latest) printf '%s\n' "$there is there."; exit 0 ;; esac
  case "$there" in *"${version#v}"*) printf '%s\n' "$there is there."; exit 0 ;; esac
fi
if [ "$version" = latest ]; then version=v$(newest docker/compose); fi
case "$version" in 1.*) system=Linux ;; *) system=linux version=v${version#v} ;; esac
file=docker-compose-$system-$(machine x86_64 aarch64)
shop=https://github.com/docker/compose/releases/download/$version
fetched "$shop/$file" "$scratch/$file"
fetched "$shop/$file.sha256" "$scratch/sums"
checked "$scratch/$file" "$(listed_sum "$scratch/sums" "$file")"
as_root mkdir -p "$folder"
as_root install -m 0755 "$scratch/$file" "$folder/docker-compose"
"$folder/docker-compose" --version
