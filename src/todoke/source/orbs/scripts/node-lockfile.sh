folder=/tmp
for file in package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock bun.lock bun.lockb /dev/null; do
  if [ -e "$file" ]; then
    cat "$file" > "$folder/node-project-lockfile"
    break
  fi
done
cat package.json > "$folder/node-project-package.json"
if [ -f yarn.lock ]; then cat yarn.lock > "$folder/yarn-zero-lockfile"; else : > "$folder/yarn-zero-lockfile"; fi
