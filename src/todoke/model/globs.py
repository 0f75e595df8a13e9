"""The globs that Argo CD's users write, in their two main dialects.

`glob_match` is gobwas/glob: `*` stops at a separator, `**` does not, `{a,b}` are alternatives, `[a-z]` and `[!a]`
are sets. `path_match` is Go's filepath.Match: no `**`, no braces, `[^a]` negates. Both match the whole text, in
time proportional to pattern times text, because users write the patterns.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec

MOST_ALTERNATIVES = 500


class BadGlob(ValueError):
    """The pattern is not one: a bracket or a brace is not closed, or its braces multiply beyond measure."""


class _Token(msgspec.Struct, frozen=True):
    """One character to match, or a run of any length of such characters."""

    accepts: Callable[[str], bool]
    repeated: bool = False


def glob_match(pattern: str, text: str, separators: str = "") -> bool:
    """Whether the pattern matches all of the text. Raises BadGlob."""
    return any(_matches(tokens, text) for tokens in _glob(pattern, separators))


def path_match(pattern: str, text: str) -> bool:
    """Whether the pattern matches all of the text, `/` being the separator. Raises BadGlob."""
    return _matches(_path(pattern), text)


def steps_match(steps: Sequence[str], names: Sequence[str]) -> bool:
    """Whether steps lead to names: each step is a `path_match` pattern, and `**` is any number of names, none included.

    In time proportional to their product. Source: doublestar, as Argo CD uses it. Raises BadGlob.
    """
    reached = _past_folders({0}, steps)
    for name in names:
        stepped = {position for position in reached if position < len(steps) and steps[position] == "**"}
        stepped |= {position + 1 for position in reached if position < len(steps) and path_match(steps[position], name)}
        reached = _past_folders(stepped, steps)
    return len(steps) in reached


def _past_folders(reached: set[int], steps: Sequence[str]) -> set[int]:
    """The positions with those that follow where `**` stands for nothing."""
    found = set(reached)
    for position in reached:
        while position < len(steps) and steps[position] == "**":
            position += 1
            found.add(position)
    return found


def _matches(tokens: tuple[_Token, ...], text: str) -> bool:
    """Walk through the text with the set of all positions in the pattern that may have been reached."""
    reached = _skip({0}, tokens)
    for character in text:
        stepped = set()
        for position in reached:
            if position < len(tokens) and tokens[position].accepts(character):
                stepped.add(position if tokens[position].repeated else position + 1)
        reached = _skip(stepped, tokens)
        if not reached:
            return False
    return len(tokens) in reached


def _skip(positions: set[int], tokens: tuple[_Token, ...]) -> set[int]:
    """The positions with those that follow when runs are left empty."""
    found = set(positions)
    for position in positions:
        while position < len(tokens) and tokens[position].repeated:
            position += 1
            found.add(position)
    return found


@lru_cache(maxsize=1024)
def _glob(pattern: str, separators: str) -> tuple[tuple[_Token, ...], ...]:
    return tuple(_tokens(one, separators, negation="!", crossing=True) for one in alternatives(pattern))


@lru_cache(maxsize=1024)
def _path(pattern: str) -> tuple[_Token, ...]:
    return _tokens(pattern, "/", negation="^", crossing=False)


def _tokens(pattern: str, separators: str, *, negation: str, crossing: bool) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if crossing and pattern.startswith("**", position):
            tokens.append(_Token(_any, repeated=True))
            position += 2
            continue
        if character == "[":
            closing = _closing(pattern, position)
            tokens.append(_Token(_set(pattern[position + 1 : closing], negation)))
            position = closing
        elif character in "*?":
            tokens.append(_Token(_none_of(separators), repeated=character == "*"))
        else:
            position += character == "\\"
            tokens.append(_Token(_equal(_at(pattern, position))))
        position += 1
    return tuple(tokens)


def _at(pattern: str, position: int) -> str:
    if position >= len(pattern):
        raise BadGlob(f"{pattern!r} ends in a backslash")
    return pattern[position]


def _any(_character: str) -> bool:
    return True


def _equal(wanted: str) -> Callable[[str], bool]:
    return lambda character: character == wanted


def _none_of(separators: str) -> Callable[[str], bool]:
    return lambda character: character not in separators


def _set(text: str, negation: str) -> Callable[[str], bool]:
    """A bracket's contents: characters, ranges, a leading sign that negates."""
    negated = text.startswith(negation)
    ranges: list[tuple[str, str]] = []
    characters = [*text.removeprefix(negation)]
    while characters:
        first = characters.pop(0)
        if first == "\\" and characters:
            first = characters.pop(0)
        last = first
        if len(characters) > 1 and characters[0] == "-":
            last = characters[1]
            del characters[:2]
        ranges.append((first, last))
    if not ranges:
        raise BadGlob("an empty pair of brackets")

    return lambda character: any(first <= character <= last for first, last in ranges) is not negated


def _closing(pattern: str, opening: int) -> int:
    position = opening + 2  # what follows the bracket is part of the set, even when it is a bracket
    while position < len(pattern):
        if pattern[position] == "]" and pattern[position - 1] != "\\":
            return position
        position += 1
    raise BadGlob(f"{pattern!r} has a [ that is not closed")


def alternatives(pattern: str) -> list[str]:
    """The patterns without braces that a pattern with braces stands for. Raises BadGlob."""
    opening = _find(pattern, "{}", 0)
    if opening == -1:
        return [pattern]
    if pattern[opening] == "}":
        raise BadGlob(f"{pattern!r} has a }} without a {{")
    cuts, depth, position = [opening], 1, opening
    while depth:
        position = _find(pattern, "{},", position + 1)
        if position == -1:
            raise BadGlob(f"{pattern!r} has a {{ that is not closed")
        depth += {"{": 1, "}": -1, ",": 0}[pattern[position]]
        if depth == 0 or (depth == 1 and pattern[position] == ","):
            cuts.append(position)
    found: list[str] = []
    for start, end in pairwise(cuts):
        found.extend(alternatives(pattern[:opening] + pattern[start + 1 : end] + pattern[position + 1 :]))
        if len(found) > MOST_ALTERNATIVES:
            raise BadGlob(f"{pattern!r} stands for more than {MOST_ALTERNATIVES} patterns")
    return found


def _find(pattern: str, wanted: str, position: int) -> int:
    """Index of the next of the wanted characters that is neither escaped nor in brackets, or -1."""
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 1
        elif pattern[position] == "[":
            position = _closing(pattern, position)
        elif pattern[position] in wanted:
            return position
        position += 1
    return -1
