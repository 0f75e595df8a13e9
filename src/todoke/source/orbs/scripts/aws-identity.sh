assume_role() {
  role=$(required "$(expanded "$ORB_ROLE")" "There is no role to assume: $ORB_ROLE is empty here.")
  session=$(expanded "$ORB_SESSION" | tr -c 'A-Za-z0-9+=,.@_-' '-' | cut -c -64)
  session=${session%-}
  token=$(value_of CIRCLE_OIDC_TOKEN_V2)
  token=${token:-$(needed CIRCLE_OIDC_TOKEN "it is the identity of this job. Give the job a context")}
  mkdir -p "$HOME/.aws"
  file=$HOME/.aws/$profile.token
  printf '%s' "$token" > "$file"
  aws configure set role_arn "$role" --profile "$profile"
  aws configure set web_identity_token_file "$file" --profile "$profile"
  aws configure set role_session_name "$session" --profile "$profile"
  aws configure set duration_seconds "$ORB_DURATION" --profile "$profile"
  if on "${ORB_EXPORT:-true}" && [ -n "${BASH_ENV:-}" ]; then # no key is printed, or in an argument
    aws configure export-credentials --profile "$profile" --format env >> "$BASH_ENV"
  fi
}
