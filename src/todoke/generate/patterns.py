"""Patterns for files of a repository, in the two dialects that ApplicationSets know.

Source: Argo CD, "Git File Generator Globbing"; `git help glossary`, pathspec. Both are made of those in `model.globs`.
"""

import posixpath
import re
from collections.abc import Callable

from todoke.model.globs import BadGlob, alternatives, glob_match, steps_match

_PIECE = re.compile(
    r"""(?P<escaped>\\.)
    |(?P<set>\[[!^]?\]?(?:\\.|[^\]\\])*\])
    |.""",
    re.DOTALL | re.VERBOSE,
)


class BadPattern(ValueError):
    """The pattern is not one, or says what is not supported."""


def pathspec(pattern: str) -> Callable[[str], bool]:
    """Whether a path is meant by a pattern, as `git ls-files` reads it: `*` and `?` cross slashes, `**` is `*`.

    A pattern without wildcards that names a folder means all beneath it.
    Raises: BadPattern.
    """
    if pattern.startswith(":"):
        raise BadPattern("begins with a colon, which is Git's sign for pathspec magic and is not supported")
    if pattern.startswith("/"):
        raise BadPattern("begins with a slash, but paths are from the repository's root")
    cleaned = posixpath.normpath(pattern)
    if not pattern or cleaned.partition("/")[0] == "..":
        raise BadPattern("leads out of the repository" if pattern else "is empty")
    if cleaned == ".":
        return lambda path: True
    beneath = f"{cleaned}/"
    exact = beneath if pattern.endswith("/") else cleaned
    glob = "".join(map(_for_git, _PIECE.finditer(exact)))
    return _checked(lambda path: path == exact or path.startswith(beneath) or glob_match(glob, path), pattern)


def doublestar(pattern: str) -> Callable[[str], bool]:
    """Whether a path matches: `*` and `?` stop at slashes, `**` is any number of folders, `{a,b}` are alternatives.

    Raises: BadPattern.
    """
    try:
        steps = [_steps(one) for one in alternatives(pattern)]
    except BadGlob as error:
        raise BadPattern(str(error)) from error
    if not any(steps):
        raise BadPattern("is empty")
    return _checked(lambda path: any(steps_match(one, path.split("/")) for one in steps), pattern)


def _steps(pattern: str) -> list[str]:
    """The steps of a pattern without braces; sets in them are negated as Go's `path.Match` wants it."""
    return [_PIECE.sub(_for_go, step) for step in pattern.split("/") if step not in ("", ".")]


def _for_go(found: re.Match[str]) -> str:
    return found[0].replace("[!", "[^", 1) if found["set"] else found[0]


def _checked(matches: Callable[[str], bool], pattern: str) -> Callable[[str], bool]:
    if "[[:" in pattern:
        raise BadPattern("names a class of characters, which is not supported: write them as a range")
    try:
        matches("")
    except BadGlob as error:
        raise BadPattern(str(error)) from error
    return matches


def _for_git(found: re.Match[str]) -> str:
    piece = found[0]
    if found["set"]:
        return piece.replace("[^", "[!", 1)
    return f"\\{piece}" if piece in ("{", "}") else piece
