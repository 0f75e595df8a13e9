# What a step is given, read: variables, texts with variables, lists, paths.
fail() { printf '%s\n' "$*" >&2; exit 1; }
on() { case "$1" in 1 | true) return 0 ;; *) return 1 ;; esac; }
value_of() { eval "printf '%s' \"\${$1:-}\""; }
needed() { # the value of a variable by its name
  if [ -z "$(value_of "$1")" ]; then fail "The environment variable $1 is empty: $2. Set it in a context or in the project's settings."; fi
  value_of "$1"
}
expanded() { # a text with the shell variables in it put in; its quotes and blanks stay
  eval "cat <<_END_OF_TEXT_
$1
_END_OF_TEXT_"
}
required() { # a text, or an end that says what is missing
  if [ -z "$1" ]; then fail "$2"; fi
  printf '%s' "$1"
}
listed() { # the items of a list with commas, each on its line
  printf '%s\n' "$1" | tr ',' '\n' | sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d'
}
one_line() { # arguments on several lines as one line
  printf '%s\n' "$1" | sed -e 's/\\$//' | tr '\n' ' '
}
at_home() { # a path with its ~ written out
  case "$1" in \~) printf '%s' "$HOME" ;; \~/*) printf '%s/%s' "$HOME" "${1#??}" ;; *) printf '%s' "$1" ;; esac
}
