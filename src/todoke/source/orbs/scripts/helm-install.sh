version=$(expanded "$ORB_VERSION")
case "$version" in v* | latest) ;; *) version=v$version ;; esac
if command -v helm > /dev/null; then
  there=$(helm version --short --client 2> /dev/null || helm version --short)
  there=${there#Client: }
  there=${there%%+*}
  case "$version" in latest | "$there") printf '%s\n' "Helm $there is there."; exit 0 ;; esac
fi
if [ "$version" = latest ]; then version=v$(newest helm/helm); fi
if [ "$(uname -s)" = Darwin ]; then system=darwin; else system=linux; fi
place=$system-$(machine amd64 arm64)
file=helm-$version-$place.tar.gz
fetched "https://get.helm.sh/$file" "$scratch/$file"
fetched "https://get.helm.sh/$file.sha256sum" "$scratch/sum"
checked "$scratch/$file" "$(sed 's/ .*//' "$scratch/sum")"
tar -xzf "$scratch/$file" -C "$scratch"
as_root install -m 0755 "$scratch/$place/helm" /usr/local/bin/helm
case "$version" in v2.*) helm init --client-only --stable-repo-url "${ORB_STABLE:-https://charts.helm.sh/stable}" ;; *) helm version ;; esac
