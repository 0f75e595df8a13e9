if [ "$ORB_TOOL" = unittest ] || within python -c "import $ORB_TOOL" 2> /dev/null; then exit 0; fi
if on "$ORB_MUST_EXIST"; then fail "$ORB_TOOL is not among the packages of the project. Add it, or set fail-if-missing-tool to false."; fi
case "$manager" in
  pipenv) pipenv install --dev "$ORB_TOOL" ;;
  poetry) poetry run pip install "$ORB_TOOL" ;;
  uv) uv pip install "$ORB_TOOL" ;;
  *) pip install "$ORB_TOOL" ;;
esac
