"""Which Pods, ReplicaSets and revisions belong to a controller: matching ones are adopted, others let go.

Source: Kubernetes documentation, "Owners and Dependents" and "Non-Template Pod acquisitions".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import is_deleted, labels, reference_to
from todoke_sandbox.storage.store import TableKey
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.selectors import LabelSelector, of_object

Json = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """Attributes: keep: owned and matching. adopt: matching ones without an owner. release: owned, not matching."""

    keep: tuple[Json, ...] = ()
    adopt: tuple[Json, ...] = ()
    release: tuple[Json, ...] = ()


def claim(
    owner: Mapping[str, Any], owned: Iterable[Json], ownerless: Iterable[Json], matches: Callable[[Json], bool]
) -> Claim:
    """What an owner keeps, adopts and releases; one that is being deleted only keeps."""
    keep: list[Json] = []
    release: list[Json] = []
    for body in owned:
        (keep if matches(body) else release).append(body)
    if is_deleted(owner):
        return Claim(tuple(keep))
    adopt = tuple(body for body in ownerless if not is_deleted(body) and matches(body))
    return Claim(tuple(keep), adopt, tuple(body for body in release if not is_deleted(body)))


def claimed(informer: Informer, client: Client, table: TableKey, owner: Json) -> list[Json]:
    """The objects of a table that belong to an owner with a selector, after adopting and releasing."""
    metadata = owner["metadata"]
    selector = selector_of(owner)
    found = claim(
        owner,
        informer.owned_of(owner, table),
        informer.ownerless(table, metadata["namespace"]),
        lambda body: selector.matches(labels(body)),
    )
    return [*found.keep, *carry_out(client, table, owner, found)]


def carry_out(client: Client, table: TableKey, owner: Json, found: Claim) -> list[Json]:
    """Adopt and release. Returns what was adopted."""
    for body in found.release:
        write_owners(client, table, body, without(body, owner["metadata"]["uid"]))
    adopted = []
    for body in found.adopt:
        refs = body["metadata"].get("ownerReferences") or []
        if (new := write_owners(client, table, body, [*refs, reference_to(owner)])) is not None:
            adopted.append(new)
    return adopted


def without(body: Mapping[str, Any], *uids: str) -> list[Json]:
    """The owner references of an object but for some."""
    return [ref for ref in body["metadata"].get("ownerReferences") or () if ref["uid"] not in uids]


def write_owners(client: Client, table: TableKey, body: Json, references: list[Json]) -> Json | None:
    """Give an object other owners; None when it is gone meanwhile."""
    try:
        return client.merge(table, body, {"metadata": {"uid": body["metadata"]["uid"], "ownerReferences": references}})
    except Refusal as refusal:
        if refusal.code in (404, 409):
            return None
        raise


def selector_of(owner: Mapping[str, Any]) -> LabelSelector:
    """The selector in an owner's spec."""
    selector = owner["spec"].get("selector")
    return of_object({"matchLabels": selector} if owner["kind"] == "ReplicationController" else selector)
