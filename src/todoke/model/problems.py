"""What is wrong with a text that a person wrote, and where."""

from typing import Literal, NamedTuple

import msgspec


class Mark(NamedTuple):
    """A place in a text; both count from 1. Attributes: file: whose text, "" for the configuration's own."""

    line: int
    column: int
    file: str = ""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        text: what is wrong, recognisable to who knows the words of the hosted compiler.
        mark: where; None when it is of the whole text.
        hint: what was expected, or what to do; "" where the text says it.
        within: what was being expanded, from the outside in: `workflow build`, `job test`.
    """

    text: str
    mark: Mark | None = None
    hint: str = ""
    within: tuple[str, ...] = ()
    level: Literal["error", "warning"] = "error"
