as_root() {
  if [ "$(id -u)" = 0 ] || ! command -v sudo > /dev/null; then "$@"; else sudo "$@"; fi
}
fetched() { # address, file
  command -v curl > /dev/null || fail "curl is needed to get $1. Use an image that has it."
  curl --fail --silent --show-error --location --proto '=https' --retry "${ORB_RETRIES:-3}" --output "$2" "$1"
}
newest() { # the version of the newest release of a repository of GitHub, without its v
  command -v curl > /dev/null || fail "curl is needed to find the newest release of $1. Use an image that has it."
  curl --fail --silent --show-error --head --location --proto '=https' --retry "${ORB_RETRIES:-3}" \
    --output /dev/null --write-out '%{url_effective}' "https://github.com/$1/releases/latest" | sed -e 's#.*/##' -e 's/^v//'
}
checked() { # file, its SHA-256
  if command -v sha256sum > /dev/null; then sum=$(sha256sum "$1"); else sum=$(shasum -a 256 "$1"); fi
  if [ -z "$2" ] || [ "${sum%% *}" != "$2" ]; then fail "$(basename "$1") is not what its publisher lists: SHA-256 ${sum%% *}, expected ${2:-one that is listed}."; fi
}
listed_sum() { # file of sums, name: the sum of that name
  awk -v name="$2" '$2 == name || $2 == "*" name { print $1; exit }' "$1"
}
on_path() { # a folder for the PATH of this step and of those after it
  PATH=$1:$PATH
  if [ -n "${BASH_ENV:-}" ]; then printf 'export PATH="%s:$PATH"\n' "$1" >> "$BASH_ENV"; fi
}
machine() { # the name of this machine's architecture: the first word on x86, the second on ARM
  case "$(uname -m)" in x86_64 | amd64) printf '%s' "$1" ;; aarch64 | arm64) printf '%s' "$2" ;; *) fail "$(uname -m) is not known here." ;; esac
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
