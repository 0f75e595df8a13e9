version=$(expanded "$ORB_KOPS_VERSION")
if command -v kops > /dev/null && [ "$version" = latest ]; then kops version; exit 0; fi
if [ "$version" = latest ]; then version=v$(newest kubernetes/kops); fi
if [ "$(uname -s)" = Darwin ]; then system=darwin; else system=linux; fi
place=https://github.com/kubernetes/kops/releases/download/$version/kops-$system-$(machine amd64 arm64)
fetched "$place" "$scratch/kops"
fetched "$place.sha256" "$scratch/sum"
checked "$scratch/kops" "$(sed 's/ .*//' "$scratch/sum")"
as_root install -m 0755 "$scratch/kops" /usr/local/bin/kops
kops version
