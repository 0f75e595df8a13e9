[ -f package.json ] || fail "There is no package.json in $(pwd). Set app-dir to its folder."
