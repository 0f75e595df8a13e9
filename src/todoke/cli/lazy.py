"""Groups that import a command only when it is used: `todoke --help` must not pay for what it does not need."""

from difflib import get_close_matches
from importlib import import_module

import click

Table = dict[str, tuple[str, str]]
"""Module and one line of help by command. A module's `command` is a command, or makes one of the doors."""


class LazyGroup(click.Group):
    """A group whose commands stand in one visible table."""

    def __init__(self, name: str, table: Table, help_text: str, epilog: str) -> None:
        super().__init__(name, help=help_text, epilog=epilog)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is none of that name."""
        if cmd_name not in self._table:
            return None
        found = import_module(self._table[cmd_name][0]).command
        command: click.Command = found if isinstance(found, click.Command) else found(ctx.find_root().obj)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but with near names for an unknown one."""
        name = args[0]
        near = get_close_matches(name, self._table, n=2)
        if name not in self._table and near and not name.startswith("-"):
            ctx.fail(f"No such command '{name}'. Did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._table.items()])


def examples(*lines: str) -> str:
    """The end of a help: examples that a test runs."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
