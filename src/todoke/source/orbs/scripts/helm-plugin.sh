address=$(required "$(expanded "$ORB_PLUGIN")" "There is no plugin: $ORB_PLUGIN is empty here.")
version=$(expanded "${ORB_PLUGIN_VERSION:-}")
set -- plugin install "$address"
if [ -n "$version" ]; then set -- "$@" --version "$version"; fi
helm "$@"
