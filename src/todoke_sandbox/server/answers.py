"""Answers to requests for objects: the object, a list, a Table or metadata alone, as JSON.

Objects and lists are written from the text that the store keeps of each object; nothing is encoded twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.server.connection import Answer
from todoke_sandbox.server.negotiation import PARTIAL, PARTIAL_LIST, TABLE, Form
from todoke_sandbox.server.tables import table
from todoke_sandbox.storage.store import Stored
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Listing

Json = dict[str, Any]

encode: Final = msgspec.json.Encoder().encode


def refused(refusal: Refusal) -> Answer:
    """The Status of a refusal."""
    headers: tuple[tuple[str, str], ...] = ()
    if seconds := (refusal.details or {}).get("retryAfterSeconds"):
        headers = (("Retry-After", str(seconds)),)
    return Answer(refusal.code, encode(refusal.status), headers=headers)


def fault(error: Exception) -> Answer:
    """The Status of an error of our own; what went wrong is on stderr."""
    message = f"Internal error occurred: {type(error).__name__} (the traceback is on the server's stderr)"
    cause = {"message": type(error).__name__}
    return refused(Refusal(500, "InternalError", message, {"causes": [cause]}))


def document(value: Any, status: int = 200) -> Answer:
    """Any value."""
    return Answer(status, encode(value))


def warned(warnings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Headers that clients show to their user."""
    return tuple(("Warning", f'299 - "{_quoted(text)}"') for text in dict.fromkeys(warnings))


def one(stored: Stored, resource: Resource, form: Form, now: datetime, include: str = "") -> bytes:
    """One object in the form that the client wants."""
    if not form.shape:
        return stored.raw
    if form.shape == TABLE:
        table.check_include(include)
        found = table.rows(resource, [stored], now, include, form.api_version)
        metadata = {"resourceVersion": str(stored.body["metadata"].get("resourceVersion", ""))}
        return encode(table.table(table.headers(resource), found, metadata, form.api_version))
    if form.shape == PARTIAL_LIST:
        raise Refusal(406, "NotAcceptable", f"you requested {PARTIAL_LIST}, but the requested object is not a list")
    return encode(table.partial(stored.body, form.api_version))


def many(listing: Listing, resource: Resource, form: Form, now: datetime, include: str = "") -> bytes:
    """A page of a collection in the form that the client wants."""
    metadata: Json = {"resourceVersion": str(listing.version)}
    if resource.custom and not form.shape:
        metadata["continue"] = ""
    if listing.continued:
        metadata["continue"] = listing.continued
    if listing.remaining:
        metadata["remainingItemCount"] = listing.remaining
    if form.shape == TABLE:
        table.check_include(include)
        found = table.rows(resource, listing.items, now, include, form.api_version)
        return encode(table.table(table.headers(resource), found, metadata, form.api_version))
    if form.shape == PARTIAL:
        raise Refusal(406, "NotAcceptable", f"you requested {PARTIAL}, but the requested object is a list")
    kind = resource.kind
    if form.shape == PARTIAL_LIST:
        items = [table.partial(stored.body, form.api_version) for stored in listing.items]
        head: Json = {"kind": PARTIAL_LIST, "apiVersion": form.api_version, "metadata": metadata}
        return encode(head | {"items": items})
    start = encode(
        {"kind": resource.list_kind or f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    )
    return b'%s,"items":[%s]}\n' % (start[:-1], b",".join(_items(listing.items, resource)))


def _items(items: Iterable[Stored], resource: Resource) -> Iterable[bytes]:
    """Objects as lists have them: those of built-in kinds without their kind, which the list's own says."""
    if resource.custom:
        return (stored.raw for stored in items)
    kind, version = resource.kind.name.encode(), resource.kind.api_version.encode()
    ours = b'{"apiVersion":"%s","kind":"%s",' % (version, kind)
    theirs = b'{"kind":"%s","apiVersion":"%s",' % (kind, version)
    return (_unnamed(stored, ours, theirs) for stored in items)


def _unnamed(stored: Stored, *heads: bytes) -> bytes:
    raw = stored.raw
    if raw.startswith(heads):
        return b"{" + raw[len(heads[0]) :]
    return encode({name: value for name, value in stored.body.items() if name not in ("apiVersion", "kind")})


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(letter if " " <= letter <= "~" else f"\\u{ord(letter):04x}" for letter in escaped)
