"""Files cut into YAML and JSON documents, each with the place where a person finds it."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from todoke.model.errors import Blocked
from todoke.model.sources import SourceFile
from todoke.render.kubernetes_yaml import DEEPEST, NotYaml, load

SKIP_MARKER = b"+argocd:skip-file-rendering"
"""A file that holds this text is not read. Source: Argo CD, "Skip file rendering"."""

_SEPARATOR = re.compile(rb"^---[^\n]*(?:\n|\Z)", re.M)
_BOM = b"\xef\xbb\xbf"
_SIGNS = (b"apiVersion:", b"kind:", b"metadata:")


class Document(msgspec.Struct, frozen=True):
    """One document: its value, its text, and where it stands."""

    value: Any
    text: bytes
    origin: str
    looks_like_object: bool


def documents(file: SourceFile, warnings: list[str]) -> Iterator[Document]:
    """The documents of a file that are not empty. One that does not parse and does not look like an object is skipped
    with a warning.

    Raises: Blocked: one that looks like an object does not parse; names the file and the line.
    """
    if SKIP_MARKER in file.data:
        return
    if file.path.endswith(".json"):
        yield Document(_json(file), file.data, file.path, True)
        return
    if file.path.endswith(".jsonnet"):
        yield from _evaluated(file)
        return
    parts = list(_parts(file))
    for number, (line, text) in enumerate(parts, 1):
        origin = file.path if len(parts) == 1 else f"{file.path}, document {number}"
        looks = all(sign in text for sign in _SIGNS)
        try:
            value = load(text)
        except NotYaml as error:
            where = f"{origin}, line {line + error.line}" if error.line else origin
            if looks:
                raise Blocked(where, error.problem, next_step="Correct the YAML") from error
            warnings.append(f"{where} is ignored: {error.problem}")
            continue
        if value is not None:
            yield Document(value, text, origin, looks)


def maps_in(path: str, data: bytes) -> list[dict[str, Any]]:
    """The maps in a file that may be anybody's: what does not parse is passed over."""
    found: list[dict[str, Any]] = []
    try:
        for document in documents(SourceFile(path, data), []):
            if isinstance(document.value, dict):
                found.append(document.value)
    except Blocked:
        return found
    return found


def _evaluated(file: SourceFile) -> Iterator[Document]:
    """What a Jsonnet file came to: an object, or a list of them."""
    value = msgspec.json.decode(file.data)
    if not isinstance(value, list):
        yield Document(value, file.data, file.path, True)
        return
    for number, item in enumerate(value, 1):
        yield Document(item, file.data, f"{file.path}, object {number}", True)


def _parts(file: SourceFile) -> Iterator[tuple[int, bytes]]:
    """Each part between separators that holds more than blanks and comments, with the number of lines before it."""
    data = file.data.removeprefix(_BOM)
    start = lines = 0
    for match in _SEPARATOR.finditer(data):
        rest = match.group()[3:].strip()
        if rest and not rest.startswith(b"#"):
            line = data.count(b"\n", 0, match.start()) + 1
            problem = f'"{match.group()[:40].strip().decode("utf-8", "replace")}" does not separate documents'
            raise Blocked(f"{file.path}, line {line}", problem, next_step="Write --- on a line of its own")
        if _holds_something(data[start : match.start()]):
            yield lines, data[start : match.start()]
        lines += data.count(b"\n", start, match.end())
        start = match.end()
    if _holds_something(data[start:]):
        yield lines, data[start:]


def _holds_something(text: bytes) -> bool:
    if not text or text.isspace():
        return False
    return any(line and not line.startswith(b"#") for line in map(bytes.strip, text.splitlines()))


def _json(file: SourceFile) -> Any:
    problem = "is not one JSON object"
    try:
        value = msgspec.json.decode(file.data.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Blocked(file.path, f"{problem}: {detail}", next_step="Correct the JSON") from error
    if not isinstance(value, dict):
        raise Blocked(file.path, problem, next_step="Write a List, or YAML documents, for several objects")
    if file.data.count(b"[") + file.data.count(b"{") > DEEPEST and _deeper_than(value, DEEPEST):
        raise Blocked(file.path, f"is nested more than {DEEPEST} levels deep")
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    return any(_deeper_than(one, levels - 1) for one in (value.values() if isinstance(value, dict) else value))
