printf '%s' "$ORB_STATE" > "${TMPDIR:-/tmp}/todoke-slack-state"
