"""The group `todoke repo`."""

from todoke.cli.lazy import LazyGroup, Table, examples

_HERE = "todoke.cli.repo"
COMMANDS: Table = {
    "add": (f"{_HERE}.add", "Put a repository on record, with its login."),
    "list": (f"{_HERE}.listing", "List the repositories on record."),
    "test": (f"{_HERE}.test", "Ask a repository, with the login on record."),
    "rm": (f"{_HERE}.remove", "Take a repository off the record."),
}

command = LazyGroup(
    "repo",
    COMMANDS,
    "Work with repositories and their logins: Secrets of the control namespace, in Argo CD's format.",
    examples("todoke repo add https://git.example.com/acme/shop.git", "todoke repo list"),
)
