"""What libyaml says of a text that is no YAML, with what was probably meant."""

from typing import Any, Final

from todoke.pipeline.circleci.problems import Mark

_TABS: Final = "Tabs cannot indent: write spaces"
_HINTS: Final = (
    (
        "mapping values are not allowed",
        "Put a blank after the colon of a key, and quotes around a value that holds `: `",
    ),
    ("tab character", _TABS),
    ("scanning an alias", "Put quotes around a value that begins with *; /.*/ is the pattern of all branches"),
    ("undefined alias", "Set the anchor with & above"),
    ("scanning a quoted scalar", "The quotes that open here are not closed"),
    ("did not find expected key", "This line is indented in another way than those above it"),
    ("did not find expected '-' indicator", "This line is indented in another way than the list above it"),
    ("did not find expected ',' or", "Close the bracket, or put quotes around what holds brackets or braces"),
)
_NEVER_PLAIN: Final = "@`%"


def explained(error: Any, text: str, file: str) -> tuple[str, Mark | None, str]:
    """An error of PyYAML that knows its place, as words, place and hint."""
    words = ", ".join(part for part in (error.context, error.problem) if part)
    place = error.problem_mark or error.context_mark
    if "quoted scalar" in words and "end of stream" in words:
        place = error.context_mark or place
    mark = Mark(place.line + 1, place.column + 1, file) if place else None
    hint = next((hint for part, hint in _HINTS if part in words), "")
    if "cannot start any token" in words and place:
        lines = text.splitlines()
        sign = lines[place.line][place.column : place.column + 1] if place.line < len(lines) else ""
        hint = _TABS if sign == "\t" else f"Put quotes around a value that begins with {sign}" if sign else ""
    return f"Unable to parse YAML: {words}", mark, hint
