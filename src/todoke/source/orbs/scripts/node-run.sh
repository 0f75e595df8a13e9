case "$ORB_MANAGER" in
  npm) program=npm script=$ORB_NPM ;;
  yarn | yarn-berry) program=yarn script=$ORB_YARN ;;
  pnpm) program=pnpm script=${ORB_PNPM:-} ;;
  bun) program=bun script=${ORB_BUN:-} ;;
esac
script=$(required "$(expanded "$script")" "There is nothing to run: set $program-run to a script of package.json.")
"$program" run "$script"
