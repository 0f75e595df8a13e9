project=$(needed "$ORB_PROJECT" "it names the Google Cloud project")
registry=$(expanded "$ORB_REGISTRY")
set -- --quiet --project "$project"
case "$registry" in *docker.pkg.dev) set -- "$@" "$registry" ;; esac
gcloud auth configure-docker "$@"
