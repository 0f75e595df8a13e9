version=$(expanded "$ORB_VERSION")
version=${version#v}
command -v npm > /dev/null || fail "npm is needed to install $ORB_TOOL. Use node/install first."
if command -v "$ORB_TOOL" > /dev/null; then
  there=$("$ORB_TOOL" --version)
  if [ "$there" = "$version" ] || { [ -z "$version" ] && [ "$ORB_TOOL" != npm ]; }; then
    printf '%s\n' "$ORB_TOOL $there is there."
    exit 0
  fi
fi
if [ -w "$(npm prefix --global)" ]; then npm install --global "$ORB_TOOL@${version:-latest}"; else as_root npm install --global "$ORB_TOOL@${version:-latest}"; fi
"$ORB_TOOL" --version
