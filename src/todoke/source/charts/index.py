"""The `index.yaml` of a Helm repository. Source: Helm, "The Chart Repository Guide".

A large index has tens of megabytes, of which an application needs one chart's versions. The text is cut at the names
of the charts, and a part is read when somebody asks for its chart: this takes a hundredth of the time that reading all
takes. Where the text is not written as Helm writes it, all is read. The cut relies on quoted texts going on deeper than
the names of the charts, as YAML wants it.
"""

import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from todoke.source.charts.shallow_yaml import load

# Each begins with a line's end: that is looked for much faster than a line's beginning.
_ENTRIES = re.compile(rb"\nentries:[ \t]*(?:#[^\n]*)?\r?(?=\n)")
_NEXT_KEY = re.compile(rb"\n[^\s#]")
_INDENT = re.compile(rb"\n( +)[^\s#]")
_KEY = re.compile(rb"([\"']?)([A-Za-z0-9][\w.-]*)\1:[ \t]*(?:\[\])?[ \t]*\r?$", re.M)
_SEPARATE_DOCUMENTS = re.compile(rb"\n(---|\.\.\.)")
_ODD = re.compile(rb"\n *\t")
_NOTHING = frozenset(("", "~", "null"))


class BadIndex(Exception):
    """It is no index; the message finishes a sentence that begins with "its index.yaml"."""


class ChartVersion(msgspec.Struct, frozen=True):
    """One version of a chart. `digest`: sha256 of the archive in hex digits, "" where the index has none."""

    version: str
    urls: tuple[str, ...] = ()
    digest: str = ""


class Index:
    """Charts by name. Reading a chart's versions takes processor time, as a rule less than 0.1 s."""

    def __init__(self, digest: str, parts: Mapping[str, bytes]) -> None:
        """Args: digest: of the whole text. parts: the compressed text of each chart, as JSON or YAML."""
        self.digest = digest
        self._parts = parts
        self._versions: dict[str, tuple[ChartVersion, ...]] = {}

    @property
    def names(self) -> list[str]:
        """Of all charts."""
        return list(self._parts)

    def __contains__(self, chart: str) -> bool:
        return chart in self._parts

    def mark(self, chart: str) -> str:
        """A text that changes when something about a chart does; "" when it is not there."""
        part = self._parts.get(chart)
        return hashlib.sha256(part).hexdigest() if part is not None else ""

    def known(self, chart: str) -> tuple[ChartVersion, ...] | None:
        """The versions of a chart, where they were read before."""
        return self._versions.get(chart)

    def versions(self, chart: str) -> tuple[ChartVersion, ...]:
        """All versions of a chart as the index lists them; empty when there is none.

        Raises: BadIndex: it cannot be read.
        """
        if chart not in self._versions:
            part = self._parts.get(chart)
            found = self._read(chart, zlib.decompress(part)) if part is not None else []
            self._versions[chart] = tuple(filter(None, map(_version, found)))
        return self._versions[chart]

    def _read(self, chart: str, part: bytes) -> list[Any]:
        if not part.startswith(b" "):
            try:
                return _list(msgspec.json.decode(part))
            except RecursionError as error:
                raise BadIndex("is nested too deep") from error
        try:
            read = load(part)
        except (yaml.YAMLError, ValueError):
            read = None
        if not (isinstance(read, dict) and list(read) == [chart]):
            whole = b"entries:\n" + b"".join(zlib.decompress(each) for each in self._parts.values())
            read = _entries(_yaml(whole))
        return _list(read.get(chart))


def parse(body: bytes, known: Index | None = None) -> Index:
    """The index in a text. Takes processor time: 0.2 s for 20 MB as Helm writes them, many seconds for others.

    Args: known: comes back when it is that of the same text.
    Raises: BadIndex: it is none.
    """
    digest = hashlib.sha256(body).hexdigest()
    if known is not None and known.digest == digest:
        return known
    body = body.removeprefix(b"\xef\xbb\xbf")
    parts = _json_parts(body) if body.lstrip()[:1] == b"{" else _cut(body)
    if parts is None:
        whole = _entries(_yaml(body))
        parts = {str(name): msgspec.json.encode(_list(listed)) for name, listed in whole.items()}
    packed = {name: zlib.compress(part, 1) for name, part in parts.items()}
    return Index(digest, packed)


class _Document(msgspec.Struct):
    entries: dict[str, msgspec.Raw]


def _json_parts(body: bytes) -> dict[str, bytes] | None:
    """The text of each chart; None where it is no JSON: YAML may begin with a brace, too."""
    try:
        return {name: bytes(part) for name, part in msgspec.json.decode(body, type=_Document).entries.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _cut(body: bytes) -> dict[str, bytes] | None:
    """The text of each chart; None where the text is not written as Helm writes it."""
    body = b"\n" + body
    begins = list(_ENTRIES.finditer(body))
    if len(begins) != 1 or _SEPARATE_DOCUMENTS.search(body, 5):
        return None
    start = begins[0].end()
    after = _NEXT_KEY.search(body, start)
    section = body[start : after.start() + 1 if after else len(body)]
    first = _INDENT.match(section)
    if first is None or (b"\t" in section and _ODD.search(section)):
        return None
    indent = len(first[1])
    keys = list(re.finditer(rb"\n {1,%d}[^ \-#\r\n]" % indent, section))
    if any(len(key[0]) != indent + 2 for key in keys):
        return None
    places = [key.start() + 1 for key in keys]
    parts = {}
    for begin, end in zip(places, [*places[1:], len(section)], strict=True):
        key = _KEY.match(section, begin + indent)
        if key is None or (name := key[2].decode()) in parts:
            return None
        parts[name] = section[begin:end]
    return parts


def _yaml(body: bytes) -> Any:
    try:
        return load(body)
    except (yaml.YAMLError, ValueError) as error:
        raise BadIndex(f"is not valid YAML: {getattr(error, 'problem', '') or error}") from error


def _entries(document: Any) -> Mapping[str, Any]:
    entries = document.get("entries") if isinstance(document, dict) else None
    if isinstance(entries, str) and entries in _NOTHING:
        return {}
    if not isinstance(entries, dict):
        raise BadIndex("is no index of charts: it has no map called entries")
    return entries


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _version(entry: Any) -> ChartVersion | None:
    if not isinstance(entry, dict):
        return None
    version, digest = str(entry.get("version") or ""), str(entry.get("digest") or "").lower()
    if version in _NOTHING:
        return None
    urls = tuple(str(url).strip() for url in _list(entry.get("urls")) if str(url).strip())
    return ChartVersion(version, urls, "" if digest in _NOTHING else digest.removeprefix("sha256:"))
