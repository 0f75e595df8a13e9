"""Asking a person before something is deleted."""

import contextlib
import signal
import sys
from collections.abc import Iterator

import click

from todoke.cli.output import say


def interactive() -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty()


def agreed(question: str, *, yes: bool, what: str) -> None:
    """Ask, unless `--yes` was given.

    Args: what: what would be deleted, for the sentence when nobody can be asked.
    Raises: click.exceptions.Exit: 1, when the answer is no or nobody can answer.
    """
    if yes:
        return
    if not interactive():
        say(f"error: this would delete {what}. Nobody can be asked here: look at it first, then add --yes")
        raise click.exceptions.Exit(1)
    with _interruptible():
        answer = click.confirm(question, err=True)
    if not answer:
        say("Nothing was done.")
        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the question: the running event loop would keep it until the answer is there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
