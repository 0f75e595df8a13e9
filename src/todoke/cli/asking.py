"""Asking a person before something is deleted."""

import sys

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
    if not click.confirm(question, err=True):
        say("Nothing was done.")
        raise click.exceptions.Exit(1)
