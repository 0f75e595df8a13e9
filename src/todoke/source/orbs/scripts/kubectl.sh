namespace=$(expanded "${ORB_NAMESPACE:-}")
kube() {
  if [ -n "$namespace" ]; then set -- "$@" "--namespace=$namespace"; fi
  if on "${ORB_SHOW:-}"; then printf '%s\n' "+ kubectl $*"; fi
  kubectl "$@"
}
dry_run() { case "${ORB_DRY_RUN:-}" in "" | none | 0 | false) ;; 1 | true) printf '%s' --dry-run=client ;; *) printf '%s' "--dry-run=$ORB_DRY_RUN" ;; esac; }
