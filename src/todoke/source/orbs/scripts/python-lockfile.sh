folder=$ORB_PREFIX/cci_pycache
mkdir -p "$folder" "$HOME/.cache/pip" "$HOME/.cache/pypoetry" "$HOME/.cache/uv" "$HOME/.local/share/virtualenvs"
python --version > "$folder/python-version" 2>&1
case "$manager" in
  pipenv) name=Pipfile.lock ;;
  poetry) name=poetry.lock ;;
  uv) name=uv.lock ;;
  pip-dist) name=${ORB_SETUP_FILE:-setup.py} ;;
  *) name=${ORB_DEPENDENCIES:-requirements.txt} ;;
esac
if [ -f "$name" ]; then cp "$name" "$folder/lockfile"; else : > "$folder/lockfile"; fi
