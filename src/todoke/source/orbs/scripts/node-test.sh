case "$ORB_MANAGER" in yarn-berry) program=yarn ;; *) program=$ORB_MANAGER ;; esac
has() { # a development dependency that the results need
  grep -q "\"$1\"" package.json || fail "$1 is needed for test-results-for: $ORB_RESULTS. Add it to the devDependencies of package.json."
}
set --
case "$ORB_RESULTS" in
  jest)
    has jest-junit
    set -- --reporters=default --reporters=jest-junit ;;
  mocha)
    has mocha-junit-reporter
    has mocha-multi
    set -- --reporter mocha-multi --reporter-options spec=-,mocha-junit-reporter=- ;;
esac
if [ "$program" = npm ] && [ $# -gt 0 ]; then set -- -- "$@"; fi
"$program" run "$(expanded "$ORB_SCRIPT")" "$@"
