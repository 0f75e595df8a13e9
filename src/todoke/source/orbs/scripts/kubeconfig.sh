needed "$ORB_KUBECONFIG" "it is the kubeconfig, in base64" > /dev/null
umask 077
mkdir -p "$HOME/.kube"
value_of "$ORB_KUBECONFIG" | base64 --decode > "$HOME/.kube/config" || fail "The variable $ORB_KUBECONFIG is no base64."
