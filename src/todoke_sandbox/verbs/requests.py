"""What a request asks for, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.storage.store import Stored
from todoke_sandbox.verbs.selectors import ANY_FIELDS, EVERYTHING, FieldSelector, LabelSelector

Json = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where an object is or is to be. A name is empty for collections, a namespace for objects of the cluster."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True)
class How:
    """How a write is to be done.

    Attributes:
        manager: who holds the fields that it sets. user: whose request it is.
        validation: what unknown fields lead to: Strict (refused), Warn, Ignore.
    """

    manager: str
    user: str = "admin"
    dry_run: bool = False
    force: bool = False
    validation: str = "Warn"


@dataclass(frozen=True)
class Patch:
    """A patch. Attributes: type: `json`, `merge`, `strategic` or `apply`. body: decoded."""

    type: str
    body: Any


@dataclass(frozen=True)
class Deletion:
    """How to delete. Attributes: propagation: Background, Foreground, Orphan or "" for the resource's own way."""

    propagation: str = ""
    grace_seconds: int | None = None
    uid: str = ""
    version: str = ""


@dataclass(frozen=True)
class Query:
    """Which objects of a collection.

    Attributes:
        limit: of one page, 0 for no limit. continued: the token of the page before.
        version, match: `resourceVersion` and `resourceVersionMatch` of the request.
    """

    labels: LabelSelector = EVERYTHING
    fields: FieldSelector = ANY_FIELDS
    limit: int = 0
    continued: str = ""
    version: str = ""
    match: str = ""


EVERY: Final = Query()


class Written(NamedTuple):
    """The outcome of a write. Attributes: created: whether the object is new. warnings: for the client's screen."""

    stored: Stored
    created: bool = False
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Listing:
    """One page of a collection. Attributes: continued: the next page's token. remaining: how many objects follow."""

    items: Sequence[Stored]
    version: int
    continued: str = ""
    remaining: int | None = None


@dataclass(frozen=True)
class Deleted:
    """What became of an object: gone, or marked and waiting for its finalizers or its grace period."""

    stored: Stored
    gone: bool = True
    warnings: Sequence[str] = field(default=())
