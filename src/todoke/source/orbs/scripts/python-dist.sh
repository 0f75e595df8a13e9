out=$(at_home "$(expanded "${ORB_OUT:-./dist}")")
if [ "$ORB_BUILDER" = wheel ]; then
  pip install --quiet wheel setuptools
  [ -f setup.py ] || fail "There is no setup.py in $(pwd). Correct app-dir, or build with build-tool: build."
  python setup.py sdist --dist-dir "$out" bdist_wheel --dist-dir "$out"
  exit 0
fi
pip install --quiet build
set -- --outdir "$out"
if on "${ORB_NO_ISOLATION:-}"; then set -- "$@" --no-isolation; fi
if on "${ORB_UNCHECKED:-}"; then set -- "$@" --skip-dependency-check; fi
if on "${ORB_SDIST:-}"; then set -- "$@" --sdist; fi
if on "${ORB_WHEEL:-}"; then set -- "$@" --wheel; fi
python -m build "$@"
