file=$(expanded "${ORB_FILE:-}")
types=$(expanded "${ORB_TYPES:-}")
names=$(expanded "${ORB_NAMES:-}")
labels=$(expanded "${ORB_LABELS:-}")
if [ -n "$file" ] && [ -n "$types" ]; then fail "Give the file or the types of what is to be deleted, not both."; fi
set -f
if [ -n "$file" ]; then
  if on "$ORB_KUSTOMIZE"; then set -- -k "$file"; else set -- -f "$file"; fi
elif [ -n "$types" ]; then
  set -- "$types"
  for one in $names; do set -- "$@" "$one"; done
  if [ -n "$labels" ]; then set -- "$@" "--selector=$labels"; fi
  if on "$ORB_ALL"; then set -- "$@" --all; fi
else
  fail "It is not said what is to be deleted: give a file, or types with names or labels."
fi
case "$ORB_CASCADE" in 1 | true) cascade=background ;; 0 | false) cascade=orphan ;; *) cascade=$ORB_CASCADE ;; esac
set -- "$@" "--cascade=$cascade" "--wait=$(if on "$ORB_WAIT"; then printf true; else printf false; fi)"
if on "$ORB_FORCE"; then set -- "$@" --force; fi
if [ "$ORB_GRACE" != -1 ]; then set -- "$@" "--grace-period=$ORB_GRACE"; fi
if on "$ORB_LENIENT"; then set -- "$@" --ignore-not-found; fi
if on "$ORB_NOW"; then set -- "$@" --now; fi
dry=$(dry_run)
if [ -n "$dry" ]; then set -- "$@" "$dry"; fi
kube delete "$@"
