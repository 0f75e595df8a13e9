"""`todoke completion`."""

import click
from click.shell_completion import ShellComplete, get_completion_class

from todoke.cli.lazy import examples
from todoke.cli.output import out

_VARIABLE = "_TODOKE_COMPLETE"


@click.command(
    "completion",
    epilog=examples(
        "todoke completion bash > ~/.local/share/bash-completion/completions/todoke",
        "todoke completion zsh",
        "todoke completion fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script that completes todoke's commands and flags in your shell."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell} is not known")
    # The method of the base class only fills in the template; that of bash would run bash to ask for its version.
    out(ShellComplete.source(found(click.get_current_context().find_root().command, {}, "todoke", _VARIABLE)))
