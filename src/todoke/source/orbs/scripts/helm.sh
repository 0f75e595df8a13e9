release=$(expanded "${ORB_RELEASE:-}")
chart=$(expanded "${ORB_CHART:-}")
namespace=$(expanded "${ORB_NAMESPACE:-}")
is_two() { case "$(helm version --short --client 2> /dev/null || helm version --short)" in *v2.*) return 0 ;; *) return 1 ;; esac; }
options= # one a line
with() { options="$options$1
"; }
when() { if on "$1"; then with "$2"; fi; }
given() { if [ -n "$1" ]; then with "$2=$1"; fi; }
run_helm() { # words, then the options
  while IFS= read -r option; do
    if [ -n "$option" ]; then set -- "$@" "$option"; fi
  done < "$options_file"
  helm "$@"
}
options_file=$(mktemp)
trap 'rm -f "$options_file"' EXIT
given "$namespace" --namespace
given "$(expanded "${ORB_TIMEOUT:-}")" --timeout
when "${ORB_WAIT:-}" --wait
when "${ORB_WAIT_JOBS:-}" --wait-for-jobs
when "${ORB_TLS:-}" --tls
given "$(expanded "${ORB_TLS_CA:-}")" --tls-ca-cert
given "$(expanded "${ORB_TLS_CERT:-}")" --tls-cert
given "$(expanded "${ORB_TLS_HOST:-}")" --tls-hostname
given "$(expanded "${ORB_TLS_KEY:-}")" --tls-key
when "${ORB_TLS_VERIFY:-}" --tls-verify
given "$(expanded "${ORB_TILLER:-}")" --tiller-namespace
given "$(expanded "${ORB_SET:-}")" --set
when "${ORB_DEBUG:-}" --debug
