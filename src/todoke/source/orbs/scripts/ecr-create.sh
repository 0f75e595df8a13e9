profile=$(expanded "$ORB_PROFILE")
region=$(expanded "${ORB_REGION:-}")
repository=$(required "$(expanded "$ORB_IMAGE")" "The repository has no name: $ORB_IMAGE is empty here.")
if on "${ORB_PUBLIC:-}"; then service=ecr-public region=us-east-1; else service=ecr; fi
set -- "$service" --profile "$profile" ${region:+--region "$region"}
service=$1
shift
if aws "$service" describe-repositories "$@" --repository-names "$repository" > /dev/null 2>&1; then
  printf '%s\n' "The repository $repository is there."
  exit 0
fi
set -- "$@" --repository-name "$repository"
if [ "$service" = ecr ]; then
  if on "${ORB_SCAN:-}"; then scan=true; else scan=false; fi
  key=$(expanded "${ORB_KMS_KEY:-}")
  if [ "${ORB_ENCRYPTION:-AES256}" = KMS ]; then encryption=encryptionType=KMS${key:+,kmsKey=$key}; else encryption=encryptionType=AES256; fi
  set -- "$@" --image-scanning-configuration "scanOnPush=$scan" --encryption-configuration "$encryption"
  if [ -n "${ORB_MUTABILITY:-}" ]; then set -- "$@" --image-tag-mutability "$ORB_MUTABILITY"; fi
fi
aws "$service" create-repository "$@"
