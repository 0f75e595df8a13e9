is_two || fail "Helm $(helm version --short) has no Tiller. Leave install-helm-on-cluster out, or use Helm 2."
account=$(expanded "$ORB_ACCOUNT")
if on "$ORB_ADMIN"; then
  account=${account:-tiller}
  kubectl --namespace kube-system create serviceaccount "$account"
  kubectl create clusterrolebinding "$account-admin" --clusterrole=cluster-admin "--serviceaccount=kube-system:$account"
fi
given "$account" --service-account
when "$ORB_TILLER_TLS" --tiller-tls
given "$ORB_TILLER_CERT" --tiller-tls-cert
given "$ORB_TILLER_HOST" --tiller-tls-hostname
given "$ORB_TILLER_KEY" --tiller-tls-key
when "$ORB_TILLER_VERIFY" --tiller-tls-verify
given "$ORB_TILLER_CA" --tls-ca-cert
printf '%s' "$options" > "$options_file"
run_helm init
