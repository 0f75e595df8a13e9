version=$(expanded "$ORB_VERSION")
if command -v kubectl > /dev/null; then
  there=$(kubectl version --client -o json | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p' | head -n 1)
  case "$version" in latest | "$there") printf '%s\n' "kubectl $there is there."; exit 0 ;; esac
fi
shop=https://dl.k8s.io/release
if [ "$version" = latest ]; then fetched "$shop/stable.txt" "$scratch/version"; version=$(cat "$scratch/version"); fi
if [ "$(uname -s)" = Darwin ]; then system=darwin; else system=linux; fi
place=$shop/$version/bin/$system/$(machine amd64 arm64)/kubectl
fetched "$place" "$scratch/kubectl"
fetched "$place.sha256" "$scratch/sum"
checked "$scratch/kubectl" "$(cat "$scratch/sum")"
as_root install -m 0755 "$scratch/kubectl" /usr/local/bin/kubectl
kubectl version --client
