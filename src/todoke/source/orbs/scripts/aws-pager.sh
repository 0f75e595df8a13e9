if [ -z "${AWS_PAGER+set}" ] && [ -n "${BASH_ENV:-}" ]; then printf 'export AWS_PAGER=""\n' >> "$BASH_ENV"; fi
