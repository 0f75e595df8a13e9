"""The program `todoke`: its commands, and how errors end it."""

import errno
import os
import sys
from typing import Any, NoReturn

import click

from todoke import __version__
from todoke.cli.lazy import LazyGroup, Table, examples
from todoke.cli.session import Doors as Doors

COMMANDS: Table = {
    "app": ("todoke.cli.apps.group", "Work with applications: create, list, diff, plan, sync, roll back."),
    "repo": ("todoke.cli.repo.group", "Put repositories and their logins on record, and try them."),
    "diff": ("todoke.cli.review.diff", "Show what a branch would change, before it is merged."),
    "render": ("todoke.cli.review.render", "Print the manifests of a folder as they would be delivered."),
    "ci": ("todoke.cli.ci.group", "Compile and check CircleCI configuration, offline."),
    "demo": ("todoke.cli.demo.command", "See it first: a commit's whole story, with a cluster of its own."),
    "serve": ("todoke.cli.serve", "Run the controller."),
    "install": ("todoke.cli.install", "Print or apply what todoke needs in a cluster."),
    "completion": ("todoke.cli.completion", "Print a script that completes commands in your shell."),
    "version": ("todoke.cli.version", "Print the version."),
}
_HELP = "Takes a Git commit to a healthy Kubernetes cluster, and back."
_EPILOG = examples(
    "todoke install crds --apply",
    "todoke serve",
    "todoke app create shop --repo https://git.example.com/shop.git --path deploy --dest-namespace shop",
    "todoke app list",
)
EXIT_CODE = "todoke.exit_code"
"""Key of a context's `meta` under which a command leaves its own exit code for errors."""


INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 1 would say that the command had an answer."""


class Program(LazyGroup):
    """The root. A DeliveryError ends it with its text alone, and with 1 (`diff`: 2)."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            from todoke.model.errors import DeliveryError

            inner = _innermost(error)
            if isinstance(inner, DeliveryError):
                click.echo(f"error: {inner}", err=True)
                ctx.exit(ctx.meta.get(EXIT_CODE, 1))
            if _is_full(inner):
                ctx.exit(ctx.meta.get(EXIT_CODE, 1))
            if isinstance(inner, click.ClickException | click.exceptions.Exit | click.Abort):
                raise inner from None
            raise


def _is_full(error: BaseException) -> bool:
    """Whether what is printed finds no place any more; then that is told, and nothing more is printed."""
    if not (isinstance(error, OSError) and error.errno == errno.ENOSPC and not error.filename):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    click.echo(f"error: standard output: {error.strerror}", err=True)
    return True


def _innermost(error: BaseException) -> BaseException:
    """The first error inside nested groups: tasks that ran side by side are of no concern to a person."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


root = Program("todoke", COMMANDS, _HELP, _EPILOG)
click.version_option(__version__, prog_name="todoke", message="%(prog)s %(version)s")(root)


def run(doors: Doors) -> NoReturn:
    """Run the program with the arguments of the process, and end it."""
    try:
        root.main(prog_name="todoke", obj=doors)
    except OSError as error:  # before a command begins: --help
        if not _is_full(error):
            raise
    sys.exit(1)
