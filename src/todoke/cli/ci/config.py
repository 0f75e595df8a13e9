"""`todoke ci config`: the words of another program."""

from todoke.cli.lazy import LazyGroup, Table, examples

COMMANDS: Table = {
    "validate": ("todoke.cli.ci.config_validate", "As `todoke ci validate`."),
    "process": ("todoke.cli.ci.config_process", "As `todoke ci compile`."),
}
command = LazyGroup(
    "config", COMMANDS, "The same by other names.", examples("todoke ci config validate", "todoke ci config process")
)
