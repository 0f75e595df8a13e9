if [ -n "$ORB_COMMAND" ]; then
  eval "$ORB_COMMAND"
  exit 0
fi
cache=$(at_home "$(expanded "${ORB_CACHE:-}")")
case "$ORB_MANAGER" in
  npm) npm ci ;;
  yarn)
    if [ -n "$cache" ] && [ "$(basename "$cache")" != node_modules ]; then export YARN_CACHE_FOLDER="$cache"; fi
    yarn install --frozen-lockfile ;;
  yarn-berry)
    if [ -n "$cache" ] && [ "$(basename "$cache")" != node_modules ]; then yarn config set cacheFolder "$cache"; fi
    case "${ORB_CHECK:-never}" in
      always) yarn install --immutable --check-cache ;;
      detect)
        if git diff --quiet HEAD~1 -- yarn.lock 2> /dev/null; then yarn install --immutable; else yarn install --immutable --check-cache; fi ;;
      *) yarn install --immutable ;;
    esac ;;
  pnpm)
    if [ -n "$cache" ] && [ "$(basename "$cache")" != node_modules ]; then pnpm config set store-dir "$cache"; fi
    pnpm install --frozen-lockfile ;;
  bun) bun install --frozen-lockfile ;;
  *) fail "$ORB_MANAGER is no manager of packages that is known here." ;;
esac
