"""How the story is told: steps with their number, commands, their output, what is waited for, what happened."""

import asyncio
import contextlib
import re
import shlex
import textwrap
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from todoke.cli.demo.pens import Line, Pen, Span

_INDENT = " " * 5
_TICK = 0.1
_STATES = {
    "green": "Synced|Healthy|Succeeded|created|configured",
    "yellow": "OutOfSync|Progressing|Missing|Pruned",
    "red": "Degraded|Failed|InvalidImageName|SyncError",
}
_STATE = re.compile("|".join(rf"(?P<{colour}>\b(?:{words})\b)" for colour, words in _STATES.items()))


def command_line(words: Sequence[str]) -> str:
    """A command as it can be copied into a shell."""
    return shlex.join(words)


def shortened(text: str, most: int) -> list[str]:
    """The lines of an output, at most so many; what is left out is counted."""
    lines = text.rstrip("\n").splitlines()
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"… {len(lines) - most + 1} more lines"]


def coloured(text: str) -> list[Span]:
    """A line of output with its states and differences in colour."""
    if text.lstrip()[:2] in ("+ ", "- "):
        return [Span(text, "green" if text.lstrip().startswith("+") else "red")]
    spans, end = [], 0
    for found in _STATE.finditer(text):
        spans += [Span(text[end : found.start()]), Span(found.group(), found.lastgroup or "")]
        end = found.end()
    return [span for span in (*spans, Span(text[end:])) if span.text]


class Teller:
    """Tells it to all pens at once."""

    def __init__(self, pens: Iterable[Pen]) -> None:
        self._pens = list(pens)

    def keep(self, pens: Iterable[Pen]) -> None:
        """Go on with these pens alone."""
        self._pens = list(pens)

    def title(self, text: str) -> None:
        """The first line."""
        self._line([Span(text, "bold")])
        self._line([])

    def fact(self, label: str, text: str) -> None:
        """One thing that was set up."""
        self._line([Span(f"  {label:<12}", "dim"), Span(text)])

    def step(self, number: int, total: int, name: str, sentence: str) -> None:
        """A step begins: what it is, and what it is good for."""
        self._line([])
        self._line([Span(f"{number}/{total}  ", "cyan"), Span(name, "bold")])
        self.say(sentence)

    def command(self, words: Sequence[str]) -> None:
        """A command that is run now. It is never cut: people copy it."""
        self._line([Span(f"{_INDENT}$ ", "cyan"), Span(command_line(words), "bold")])

    def output(self, text: str, most: int) -> None:
        """What a command printed, shortened."""
        for line in shortened(text, most):
            for pen in self._pens:
                for part in _folded(line, pen.width - len(_INDENT) - 2):
                    pen.line([Span(f"{_INDENT}  "), *coloured(part)])

    def aside(self, text: str) -> None:
        """What was done besides commands."""
        self._wrapped(text, "· ", "dim")

    def say(self, text: str) -> None:
        """A sentence."""
        self._wrapped(text, "", "")

    def outcome(self, text: str, seconds: float) -> None:
        """What has just happened."""
        self._wrapped(f"{text} ({seconds:.1f} s)", "✓ ", "green")

    def failed(self, text: str) -> None:
        """What went wrong."""
        self._wrapped(text, "✗ ", "red")

    def ending(self) -> None:
        """Somebody has had enough: the line on which `^C` stands ends here."""
        self._line([])

    def blank(self) -> None:
        """An empty line."""
        self._line([])

    def copy(self, text: str) -> None:
        """A line to be copied: never cut, never wrapped."""
        self._line([Span(f"{_INDENT}{text}", "bold")])

    @asynccontextmanager
    async def waiting(self, text: str) -> AsyncIterator["Wait"]:
        """Show what is waited for, as long as the block runs."""
        wait = Wait(text)
        ticking = asyncio.create_task(self._tick(wait))
        try:
            yield wait
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            for pen in self._pens:
                pen.clear()

    async def _tick(self, wait: "Wait") -> None:
        await asyncio.sleep(2 * _TICK)  # what is quick needs no word
        while True:
            for pen in self._pens:
                pen.waiting(wait.text, time.monotonic() - wait.began)
            await asyncio.sleep(_TICK)

    def _wrapped(self, text: str, sign: str, style: str) -> None:
        for pen in self._pens:
            width = max(min(pen.width, 100) - len(_INDENT) - len(sign), 30)
            for number, part in enumerate(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)):
                head = sign if number == 0 else " " * len(sign)
                pen.line([Span(_INDENT), Span(head, style), Span(part, "dim" if style == "dim" else "")])

    def _line(self, line: Line) -> None:
        for pen in self._pens:
            pen.line(line)


def _folded(line: str, width: int) -> list[str]:
    """A line of output in parts that fit; the later ones are indented."""
    if len(line) <= width:
        return [line]
    inner = len(line) - len(line.lstrip()) + 4
    return textwrap.wrap(line, max(width, 30), subsequent_indent=" " * inner, break_on_hyphens=False) or [line]


class Wait:
    """Something that is waited for."""

    def __init__(self, text: str) -> None:
        self._what, self._now, self.began = text, "", time.monotonic()

    def now(self, text: str) -> None:
        """How it stands."""
        self._now = text

    @property
    def text(self) -> str:
        """In words."""
        return f"{self._what}; now: {self._now}" if self._now else self._what
