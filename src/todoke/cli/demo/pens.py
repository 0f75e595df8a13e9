"""Where the story is written: a terminal with colours and a line that moves, or plain lines for a file."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

_CODES = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "red": "31", "cyan": "36"}
_CLEAR = "\r\x1b[2K"
_QUICK = 1.0  # seconds; a file needs no line for what was waited for less long
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Span(NamedTuple):
    """Text in one style: a word of `_CODES`, "" for none."""

    text: str
    style: str = ""


Line = Sequence[Span]


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(span.text for span in line)


def fit(line: Line, width: int) -> list[Span]:
    """A line cut to a number of columns."""
    left, found = width, []
    for span in line:
        if len(span.text) > left:
            found.append(Span(f"{span.text[: max(left - 1, 0)]}…", span.style))
            break
        found.append(span)
        left -= len(span.text)
    return found


class Pen:
    """One place to write to."""

    def __init__(self, write: Callable[[str], object], *, moving: bool, coloured: bool, width: int) -> None:
        """`moving`: a line can be written over. `width` is in columns."""
        self._write, self._moving, self._coloured, self.width = write, moving, coloured, width
        self._last = ""  # what a person is waiting for, as it stands there
        self._frame = 0

    def line(self, line: Line) -> None:
        """A line that stays."""
        over = _CLEAR if self._moving and self._last else ""
        self._write(over + (self._styled(line) if self._coloured else plain(line)).rstrip() + "\n")
        self._last = ""

    def waiting(self, text: str, seconds: float) -> None:
        """What is waited for, and since when: one line that is written over, else a line whenever it changes."""
        if self._moving:
            self._frame = (self._frame + 1) % len(_FRAMES)
            time = f" {seconds:.0f} s"
            head = fit([Span(f"     {_FRAMES[self._frame]} ", "cyan"), Span(text, "dim")], self.width - 1 - len(time))
            line = [*head, Span(time, "dim")]
            self._write(_CLEAR + (self._styled(line) if self._coloured else plain(line)))
        elif text == self._last or seconds < _QUICK:
            return
        else:
            self._write(f"     ... {text}\n")
        self._last = text

    def clear(self) -> None:
        """Take away what is waited for."""
        if self._moving and self._last:
            self._write(_CLEAR)
        self._last = ""

    def _styled(self, line: Line) -> str:
        parts = [f"\x1b[{_CODES[span.style]}m{span.text}\x1b[0m" if span.style else span.text for span in line]
        return "".join(parts)
