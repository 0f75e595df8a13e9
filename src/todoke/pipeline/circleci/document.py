"""A configuration's YAML as values that know where they stood.

Source: YAML 1.1 as SnakeYAML reads it, which the hosted compiler is built on: anchors may be set again, merge keys are
resolved, of equal keys the last one counts, and what looks like a date stays text.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from todoke.pipeline.circleci.problems import Mark, Problem, Report, TooMuch
from todoke.pipeline.circleci.yaml_errors import explained

LARGEST_TEXT: Final = 4 * 1024 * 1024
MOST_VALUES: Final = 250_000
DEEPEST: Final = 100

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE: Final = "<<"
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z")
_SEXAGESIMAL = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+\Z")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+]?[0-9]+)?)\Z"
)
_WORDS: Final[dict[str, Any]] = {
    **{word: value for plain, value in (("true", True), ("yes", True), ("on", True), ("false", False), ("no", False),
                                        ("off", False), ("null", None))
       for word in (plain, plain.capitalize(), plain.upper())},
    "~": None,
    "": None,
}  # fmt: skip
_NUMERIC: Final = frozenset("-+.0123456789")
_FLOAT_WORDS: Final = {".inf": float("inf"), "-.inf": float("-inf"), "+.inf": float("inf"), ".nan": float("nan")}


class Map(dict[str, Any]):
    """A map with places.

    Attributes: at: of itself. keys_at, values_at: of each key and each value. shared: see `holds_anchors`.
    """

    __slots__ = ("at", "keys_at", "shared", "values_at")

    def __init__(self, at: Mark | None = None) -> None:
        super().__init__()
        self.at = at
        self.keys_at: dict[str, Mark | None] = {}
        self.values_at: dict[str, Mark | None] = {}
        self.shared: frozenset[int] = frozenset()  # of a whole document: lines of anchors that something names

    def put(self, key: str, value: Any, key_at: Mark | None = None, value_at: Mark | None = None) -> None:
        """Set a value with its places."""
        self[key] = value
        self.keys_at[key], self.values_at[key] = key_at, value_at

    def key_at(self, key: str) -> Mark | None:
        """Where a key stands; the map itself when it is not there."""
        return self.keys_at.get(key, self.at)

    def value_at(self, key: str) -> Mark | None:
        """Where a value stands; the map itself when it is not there."""
        return self.values_at.get(key, self.at)


def holds_anchors(document: Map, key: str) -> bool:
    """Whether something elsewhere names an anchor that stands below a key of a whole document."""
    mark = document.key_at(key)
    if mark is None:
        return False
    later = [other.line for other in document.keys_at.values() if other is not None and other.line > mark.line]
    end = min(later, default=mark.line + LARGEST_TEXT)
    return any(mark.line <= line < end for line in document.shared)


class Seq(list[Any]):
    """A list with places. Attributes: at: of itself. items_at: of each item."""

    __slots__ = ("at", "items_at")

    def __init__(self, at: Mark | None = None) -> None:
        super().__init__()
        self.at = at
        self.items_at: list[Mark | None] = []

    def put(self, value: Any, at: Mark | None = None) -> None:
        """Append a value with its place."""
        self.append(value)
        self.items_at.append(at)

    def placed(self) -> Iterator[tuple[Any, Mark | None]]:
        """The items with their places."""
        return zip(self, self.items_at, strict=True)


def parse(text: str, report: Report, file: str = "") -> Any:
    """The value of a text; problems of its YAML are put on record.

    Raises: Unusable: it is no YAML. TooMuch: it is larger than a limit, which the problem names.
    """
    if len(text) > LARGEST_TEXT:
        raise TooMuch(Problem(f"The configuration is larger than {LARGEST_TEXT // 1024 // 1024} MiB"))
    try:
        return _Builder(yaml.parse(text, Loader=_Loader), report, file).document()
    except yaml.MarkedYAMLError as error:
        raise report.fail(*explained(error, text, file)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        letter = error.character if isinstance(error.character, str) else chr(error.character)
        raise report.fail(
            f"Unable to parse YAML: the character U+{ord(letter[:1] or chr(0)):04X} is not allowed", Mark(line, 1, file)
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise report.fail(f"Unable to parse YAML: {error}") from error


class _Builder:
    """Makes values of parser events. Aliases share what they name; how much that would be written out is counted."""

    def __init__(self, events: Iterator[Any], report: Report, file: str) -> None:
        self._events, self._report, self._file = events, report, file
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._shared: set[int] = set()
        self._count = 0

    def document(self) -> Any:
        next(self._events)  # the stream begins
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            return None
        value, _, _ = self._value(next(self._events), 0)
        next(self._events)  # the document ends
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            mark = self._mark(after)
            raise self._report.fail("Unable to parse YAML: expected a single document in the stream", mark)
        if isinstance(value, Map):
            value.shared = frozenset(self._shared)
        return value

    def _value(self, event: Any, depth: int) -> tuple[Any, Mark, int]:
        """A value, its place, and how many values it is when written out."""
        mark = self._mark(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._report.fail(f"Unable to parse YAML: found undefined alias '{event.anchor}'", mark)
            value, size, line = self._anchors[event.anchor]
            self._shared.add(line)
            self._grow(size)
            return value, mark, size
        if depth > DEEPEST:
            raise TooMuch(Problem(f"Maps and lists lie more than {DEEPEST} deep in each other", mark))
        before = self._count
        self._grow(1)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(mark, depth)
        else:
            value = self._mapping(mark, depth)
        size = self._count - before
        if event.anchor:
            self._anchors[event.anchor] = (value, size, mark.line)
        return value, mark, size

    def _mark(self, event: Any) -> Mark:
        place = event.start_mark
        return Mark(place.line + 1, place.column + 1, self._file)

    def _grow(self, size: int) -> None:
        self._count += size
        if self._count > MOST_VALUES:
            raise TooMuch(
                Problem(f"With its aliases written out the configuration has more than {MOST_VALUES:,} values")
            )

    def _sequence(self, mark: Mark, depth: int) -> Seq:
        found = Seq(mark)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            value, at, _ = self._value(event, depth + 1)
            found.put(value, at)
        return found

    def _mapping(self, mark: Mark, depth: int) -> Map:
        own: list[tuple[str, Any, Mark, Mark]] = []
        merged: list[tuple[Any, Mark]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
            key, key_at, _ = self._value(event, depth + 1)
            value, value_at, _ = self._value(next(self._events), depth + 1)
            if plain and key == _MERGE:
                merged.append((value, value_at))
                continue
            own.append((self._key(key, event, key_at), value, key_at, value_at))
        found = Map(mark)
        for value, value_at in merged:
            self._merge(found, value, value_at)
        for key, value, key_at, value_at in own:
            found.put(key, value, key_at, value_at)
        return found

    def _key(self, key: Any, event: Any, mark: Mark) -> str:
        if isinstance(key, str):
            return key
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)  # `on:` and `1:` are names here
        raise self._report.fail("A map or list cannot be a key", mark, "Put quotes around a value that begins with {{")

    def _merge(self, into: Map, value: Any, mark: Mark) -> None:
        for each in value if isinstance(value, Seq) else (value,):
            if not isinstance(each, Map):
                self._report.error("<< merges a map or a list of maps, and this is neither", mark)
                continue
            for key in each:
                if key not in into:
                    into.put(key, each[key], each.keys_at.get(key), each.values_at.get(key))


def _scalar(event: Any) -> Any:
    """The value of a scalar: text unless it is plain and looks like something else."""
    text: str = event.value
    tag = event.tag
    if tag is not None and tag != "!":
        return _tagged(text, tag)
    return plain_value(text) if event.implicit[0] else text


def _tagged(text: str, tag: str) -> Any:
    kind = tag.rpartition(":")[2]
    if kind in ("int", "float", "bool", "null"):
        return plain_value(text)
    return text


def plain_value(text: str) -> Any:
    """What a plain scalar is."""
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in _NUMERIC:
        return text
    try:
        if _INT.match(text):
            return _integer(text.replace("_", ""))
        if _SEXAGESIMAL.match(text):
            return _base_sixty(text.replace("_", ""))
        if _FLOAT.match(text):
            return float(text.replace("_", ""))
    except ValueError:
        return text
    return _FLOAT_WORDS.get(text.lower(), text)


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if digits.startswith(("0b", "0x")):
        return sign * int(digits, 0)
    return sign * (int(digits, 8) if digits.startswith("0") and len(digits) > 1 else int(digits))


def _base_sixty(text: str) -> int:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    value = 0
    for part in digits.split(":"):
        value = value * 60 + int(part)
    return sign * value
