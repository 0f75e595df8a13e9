"""How far a long command is, on one line of a terminal that goes when it ends."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click

_PAUSE = 0.1
_AFTER = 0.5  # seconds: who is quicker says nothing


class Meter:
    """Tells on stderr, if that is a terminal."""

    def __init__(self, doing: str, now: Callable[[], float]) -> None:
        self._doing, self._now = doing, now
        self._shown = False
        self._next = now() + _AFTER
        self._on = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._shown:
            click.echo("\r\x1b[2K", err=True, nl=False)

    def tell(self, done: int, total: int) -> None:
        """How many of how many are done."""
        now = self._now()
        if self._on and now >= self._next:
            self._next, self._shown = now + _PAUSE, True
            click.echo(f"\r\x1b[2K{self._doing} {done} of {total}", err=True, nl=False)
