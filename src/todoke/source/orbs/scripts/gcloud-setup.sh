umask 077
gcloud --quiet config set core/disable_usage_reporting true
gcloud --quiet config set component_manager/disable_update_check true
if on "${ORB_OIDC:-}"; then
  number=$(needed "$ORB_PROJECT_NUMBER" "it is the number of the Google Cloud project")
  pool=$(needed "$ORB_POOL" "it names the pool of workload identities")
  provider=$(needed "$ORB_PROVIDER" "it names the provider of workload identities")
  email=$(needed "$ORB_ACCOUNT" "it is the address of the service account to act as")
  token=$(value_of CIRCLE_OIDC_TOKEN_V2)
  token=${token:-$(needed CIRCLE_OIDC_TOKEN "it is the identity of this job. Give the job a context")}
  file=$(at_home "$(expanded "$ORB_CREDENTIALS")")
  mkdir -p "$(dirname "$file")"
  printf '%s' "$token" > "$file.token"
  gcloud iam workload-identity-pools create-cred-config \
    "projects/$number/locations/global/workloadIdentityPools/$pool/providers/$provider" \
    "--service-account=$email" "--credential-source-file=$file.token" "--output-file=$file"
  gcloud auth login --brief "--cred-file=$file"
  if [ -n "${BASH_ENV:-}" ]; then printf 'export GOOGLE_APPLICATION_CREDENTIALS="%s"\n' "$file" >> "$BASH_ENV"; fi
else
  key=$(needed "$ORB_KEY" "it is the key of a service account, as JSON")
  file=$HOME/gcloud-service-key.json
  printf '%s' "$key" > "$file"
  gcloud auth activate-service-account "--key-file=$file"
fi
project=$(value_of "$ORB_PROJECT")
zone=$(value_of "$ORB_ZONE")
region=$(value_of "$ORB_REGION")
if [ -n "$project" ]; then gcloud --quiet config set project "$project"; fi
if [ -n "$zone" ]; then gcloud --quiet config set compute/zone "$zone"; fi
if [ -n "$region" ]; then gcloud --quiet config set compute/region "$region"; fi
