"""Frames between us and a render worker: a kind in one byte, the payload's length in four, the payload."""

import struct
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from todoke.render.worker.pipes import Pipe

T = TypeVar("T")

PROTOCOL = 1
ASKS = frozenset((b"R", b"L", b"K", b"T"))  # read a file, list a folder, what kind of thing, everything beneath
_HEAD = struct.Struct(">cI")
_LENGTH = struct.Struct(">I")
_LONGEST_PATH = 64 * 1024
_MOST_ERROR_LETTERS = 20_000
_LONGEST = {
    b"H": 64 * 1024,
    **dict.fromkeys(ASKS, _LONGEST_PATH),
    b"O": 1024 * 1024,
    b"E": 16 * 1024 * 1024,
}


class Broken(Exception):
    """What a worker said is not in the protocol."""


class Verdict(msgspec.Struct, frozen=True):
    """The end of a request, in the engine's words; `error` is empty when all went well."""

    error: str = ""
    missing: tuple[dict[str, str], ...] = ()
    wanted: tuple[dict[str, str], ...] = ()


def frame(kind: bytes, *parts: bytes) -> bytes:
    """One frame; its payload is the parts together."""
    return b"".join((_HEAD.pack(kind, sum(map(len, parts))), *parts))


def listing(names: Sequence[tuple[str, bool]]) -> bytes:
    """A frame with the names in a folder, and whether each is a folder."""
    return frame(b"D", msgspec.json.encode(names))


def file_parts(path: str, data: bytes) -> tuple[bytes, ...]:
    """A file's part of the payload that answers `T`."""
    name = path.encode("utf-8", "surrogateescape")
    return _LENGTH.pack(len(name)), name, _LENGTH.pack(len(data)), data


async def read_frame(pipe: Pipe) -> tuple[bytes, bytes]:
    """The next frame that a worker sends: its kind and its payload.

    Raises:
        Broken: the kind is unknown, or the payload longer than its kind may be.
        Gone: the pipe ended.
    """
    kind, length = _HEAD.unpack(await pipe.exactly(_HEAD.size))
    longest = _LONGEST.get(kind)
    if longest is None:
        raise Broken("a frame of an unknown kind")
    if length > longest:
        raise Broken(f"a frame of {length} bytes, where {longest} are the most")
    return kind, await pipe.exactly(length)


def read_greeting(kind: bytes, payload: bytes) -> dict[str, str]:
    """The versions that a worker names in its first frame.

    Raises: Broken: it is no greeting, or one of another protocol.
    """
    if kind != b"H":
        raise Broken("another frame before its greeting")
    said = _decoded(payload, dict[str, Any])
    if said.get("protocol") != PROTOCOL:
        raise Broken(f"protocol {said.get('protocol')}, where {PROTOCOL} is expected")
    return {name: str(value) for name, value in said.items() if name != "protocol"}


def read_verdict(payload: bytes) -> Verdict:
    """How a request ended; an error longer than what a person reads is cut.

    Raises: Broken: it is not the JSON that is expected.
    """
    verdict = _decoded(payload, Verdict)
    more = len(verdict.error) - _MOST_ERROR_LETTERS
    if more <= 0:
        return verdict
    return Verdict(f"{verdict.error[:_MOST_ERROR_LETTERS]} … ({more} more letters)", verdict.missing, verdict.wanted)


def _decoded(payload: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Broken(f"JSON that is none: {error}") from None
