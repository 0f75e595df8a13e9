# the arguments are shell text, as in the published orb: a pipe behind the command works
case "$manager" in
  pipenv) eval "pipenv install ${ORB_ARGUMENTS:-}" ;;
  poetry) eval "poetry install --no-ansi ${ORB_ARGUMENTS:-}" ;;
  uv) eval "uv sync ${ORB_ARGUMENTS:-}" ;;
  pip-dist) eval "pip install -e ${ORB_PATHS:-.} ${ORB_ARGUMENTS:-}" ;;
  *)
    if [ -n "${ORB_DEPENDENCIES:-}" ]; then
      [ -f "$ORB_DEPENDENCIES" ] || fail "There is no $ORB_DEPENDENCIES in $(pwd). Correct pip-dependency-file or app-dir."
      eval "pip install -r \"\$ORB_DEPENDENCIES\" ${ORB_ARGUMENTS:-}"
    elif [ -n "${ORB_ARGUMENTS:-}" ]; then
      eval "pip install $ORB_ARGUMENTS"
    fi ;;
esac
