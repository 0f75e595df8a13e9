"""`todoke ci` and its commands."""

from todoke.cli.lazy import LazyGroup, Table, examples

COMMANDS: Table = {
    "validate": ("todoke.cli.ci.validate", "Say what is wrong with a configuration, with line and column."),
    "compile": ("todoke.cli.ci.compile", "Print a configuration with everything put in."),
    "graph": ("todoke.cli.ci.graph", "Show what would run for a branch or tag, and why the rest would not."),
    "orb": ("todoke.cli.ci.orb", "List, show, pack, lock and check orbs."),
    "config": ("todoke.cli.ci.config", "`config validate` and `config process`, for fingers that know them."),
}
command = LazyGroup(
    "ci",
    COMMANDS,
    "Work with CircleCI configuration, offline.",
    examples("todoke ci validate", "todoke ci compile > compiled.yml", "todoke ci graph --branch main"),
)
