version=$(expanded "$ORB_VERSION")
components=$(expanded "$ORB_COMPONENTS")
folder=$(at_home "$(expanded "${ORB_FOLDER:-~}")")
if on "${ORB_SKIP:-}"; then
  command -v gcloud > /dev/null || fail "gcloud is not there, and its installation is to be skipped. Use an image that has it."
elif command -v gcloud > /dev/null && { [ -z "$version" ] || [ "$version" = latest ] || gcloud version | grep -qxF "Google Cloud SDK $version"; }; then
  gcloud version
else
  case "$version" in "" | latest) version= ;; esac
  file=google-cloud-cli-${version:+$version-}linux-$(machine x86_64 arm).tar.gz
  fetched "https://dl.google.com/dl/cloudsdk/channels/rapid/downloads/$file" "$scratch/$file"
  rm -rf "$folder/google-cloud-sdk"
  tar -xzf "$scratch/$file" -C "$folder"
  on_path "$folder/google-cloud-sdk/bin"
  gcloud version
fi
if [ -n "$components" ]; then
  eval "set -- $components"
  gcloud components install --quiet "$@"
fi
