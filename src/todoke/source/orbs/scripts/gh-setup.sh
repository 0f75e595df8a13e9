if [ -n "${BASH_ENV:-}" ]; then # only names are written: the token stays where it is
  case "$host" in
    "" | github.com)
      if [ "$ORB_TOKEN" != GITHUB_TOKEN ]; then printf 'export GITHUB_TOKEN="$%s"\n' "$ORB_TOKEN" >> "$BASH_ENV"; fi ;;
    *) printf 'export GH_ENTERPRISE_TOKEN="$%s" GH_HOST="%s"\n' "$ORB_TOKEN" "$host" >> "$BASH_ENV" ;;
  esac
fi
gh auth setup-git
gh config set prompt disabled
