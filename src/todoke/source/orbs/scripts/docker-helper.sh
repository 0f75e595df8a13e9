helper=$ORB_HELPER
if [ -z "$helper" ]; then
  if [ "$(uname -s)" = Darwin ]; then helper=osxkeychain; else helper=pass; fi
fi
