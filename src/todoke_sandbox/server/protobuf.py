"""Bodies in protobuf, which typed Kubernetes clients send by default, as the JSON they stand for.

Only reading: answers are JSON, which those clients take too.
Source: Protocol Buffers documentation, "Encoding"; Kubernetes documentation, "Kubernetes Protobuf encoding".
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

Json = dict[str, Any]

MAGIC: Final = b"k8s\x00"
MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
_MESSAGES: Final = Path(__file__).with_name("protobuf.txt")
_OPTIONS: Final = "meta.v1"
"""Where DeleteOptions are, whose group and version clients take from the object."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGN, _RANGE = 1 << 63, 1 << 64
_NANOS: Final = 1_000_000_000


class BadProtobuf(ValueError):
    """A body that is no message of a known kind."""


class _Field(NamedTuple):
    """Attributes: many: `+` a list, `*` a map, empty for one value. inline: its fields stand beside it in JSON."""

    name: str
    type: str
    many: str
    inline: bool


def decode(body: bytes) -> Json:
    """The object that a body stands for. Raises BadProtobuf: none."""
    if not body.startswith(MAGIC):
        shown = " ".join(str(byte) for byte in MAGIC)
        raise BadProtobuf(f"provided data does not appear to be a protobuf message, expected prefix [{shown}]")
    try:
        envelope = dict(_wire(memoryview(body)[len(MAGIC) :]))
        meta = {number: bytes(value).decode() for number, value in _wire(envelope[1])}
        version, kind = meta.get(1, ""), meta.get(2, "")
        made = _message(_name(version, kind), envelope.get(2, memoryview(b"")))
    except (KeyError, IndexError, TypeError, ValueError, struct.error) as error:
        raise BadProtobuf(f"the message is not understood: {error!r}") from error
    return {"apiVersion": version, "kind": kind, **made}


def _name(version: str, kind: str) -> str:
    """A message by the kind it stands for: groups are named by their first part."""
    group, _, number = version.rpartition("/")
    own = f"{group.partition('.')[0] or 'core'}.{number}"
    for root in (own, _OPTIONS):
        if f"{root}.{kind}" in _messages():
            return f"{root}.{kind}"
    raise BadProtobuf(f"{version} {kind} is not read from protobuf: send it as JSON")


@cache
def _messages() -> Mapping[str, Mapping[int, _Field]]:
    found = {}
    for line in _MESSAGES.read_text().splitlines():
        if not line.startswith("#"):
            name, *fields = line.split()
            found[name] = dict(_fields(name.rpartition(".")[0], fields))
    return found


def _fields(package: str, texts: list[str]) -> Iterator[tuple[int, _Field]]:
    number = 0
    for text in texts:
        if text.startswith("="):
            number = int(text[1:]) - 1
            continue
        number += 1
        name, _, kind = text.removeprefix("^").partition(":")
        many = kind[:1] if kind[:1] in ("+", "*") else ""
        kind = kind.removeprefix(many) or "s"
        yield number, _Field(name, f"{package}{kind}" if kind.startswith(".") else kind, many, text.startswith("^"))


def _message(name: str, data: memoryview) -> Json:
    fields = _messages()[name]
    made: Json = {}
    for number, raw in _wire(data):
        field = fields.get(number)
        if field is None:
            continue
        if field.many == "*":
            entry = dict(_wire(raw))
            key = bytes(entry.get(1, b"")).decode()
            made.setdefault(field.name, {})[key] = _value(field.type, entry.get(2, memoryview(b"")))
        elif field.many == "+":
            made.setdefault(field.name, []).append(_value(field.type, raw))
        elif field.inline:
            made.update(_message(field.type, raw))
        else:
            made[field.name] = _value(field.type, raw)
    return made


def _value(kind: str, raw: Any) -> Any:
    read = _READERS.get(kind)
    return read(raw) if read else _message(kind, raw)


def _wire(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Numbers and values of a message's fields as they are on the wire."""
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(form)
        if form == _BYTES:
            size, position = _varint(data, position)
        if size is None or position + size > end:
            raise BadProtobuf(f"field {number} is cut off, or of form {form}")
        yield number, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (_RANGE - 1), position
        shift += 7
        if shift > 63:
            raise BadProtobuf("a number is longer than ten bytes")


def _signed(value: int) -> int:
    return value - _RANGE if value & _SIGN else value


def _text(raw: Any) -> str:
    return bytes(raw).decode()


def _time(raw: Any, digits: int = 0) -> str | None:
    parts = dict(_wire(raw))
    if not parts:
        return None
    moment = datetime.fromtimestamp(_signed(parts.get(1, 0)), UTC) + timedelta(microseconds=parts.get(2, 0) // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if digits else "%Y-%m-%dT%H:%M:%SZ")


def _either(raw: Any) -> int | str:
    parts = dict(_wire(raw))
    return _text(parts.get(3, b"")) if parts.get(1) else _signed(parts.get(2, 0))


def _first(raw: Any) -> Any:
    """JSON text in the first field of a message."""
    text = bytes(dict(_wire(raw)).get(1, b""))
    return msgspec.json.decode(text) if text else None


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "s": _text,
    "i": _signed,
    "b": bool,
    "d": lambda raw: struct.unpack("<d", raw)[0],
    "y": lambda raw: b64encode(raw).decode(),
    "time": _time,
    "microtime": lambda raw: _time(raw, 6),
    "quantity": lambda raw: _text(dict(_wire(raw)).get(1, b"")),
    "intstr": _either,
    "raw": _first,
    "fields": _first,
    "duration": lambda raw: f"{_signed(dict(_wire(raw)).get(1, 0)) / _NANOS:g}s",
    "items": lambda raw: [_text(value) for _, value in _wire(raw)],
}
