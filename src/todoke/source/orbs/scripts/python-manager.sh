manager=$ORB_MANAGER
if [ "$manager" = auto ]; then
  if [ -f uv.lock ]; then manager=uv
  elif [ -f requirements.txt ]; then if [ -f "${ORB_SETUP_FILE:-setup.py}" ]; then manager=pip-dist; else manager=pip; fi
  elif [ -f Pipfile ]; then manager=pipenv
  elif [ -f poetry.lock ] || grep -qs '^\[tool\.poetry\]' pyproject.toml; then manager=poetry
  elif [ -f setup.py ] || [ -f pyproject.toml ]; then manager=pip-dist
  else manager=pip; fi
  printf '%s\n' "The package manager is $manager."
fi
within() { # a command in the project's environment
  case "$manager" in pipenv | poetry | uv) "$manager" run "$@" ;; *) "$@" ;; esac
}
