"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, numbered.

Source: Kubernetes documentation, "Perform a Rolling Update on a DaemonSet", "StatefulSet: Update strategies".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.controllers import adoption
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import created, notes, reference_to
from todoke_sandbox.storage.tables import REVISIONS

Json = dict[str, Any]

HASH: Final = "controller-revision-hash"


def of_template(owner: Mapping[str, Any], number: int, label: str, hashed: str) -> Json:
    """The revision of an owner's present template. Args: label: the one that holds the hash."""
    metadata, template = owner["metadata"], owner["spec"]["template"]
    marked = {**((template.get("metadata") or {}).get("labels") or {}), label: hashed}
    kept = {"annotations": dict(notes(owner))} if notes(owner) else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name'][:223]}-{hashed}",
            "namespace": metadata["namespace"],
            "labels": marked,
            "ownerReferences": [reference_to(owner)],
            **kept,
        },
        "data": data_of(template),
        "revision": number,
    }


def data_of(template: Mapping[str, Any]) -> Json:
    """What a revision keeps of a template: a patch that brings it back."""
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def template_of(revision: Mapping[str, Any]) -> Json:
    """The template that a revision keeps."""
    template = revision["data"]["spec"]["template"]
    return {name: value for name, value in template.items() if name != "$patch"}


def in_order(revisions: Iterable[Json]) -> list[Json]:
    """Revisions from the first to the last."""
    return sorted(revisions, key=lambda each: (each["revision"], *created(each)))


def claimed(informer: Informer, client: Client, owner: Json) -> list[Json]:
    """The revisions of an owner from the first to the last, after adopting and releasing."""
    return in_order(adoption.claimed(informer, client, REVISIONS, owner))


def surplus(history: Sequence[Json], live: Iterable[str], limit: int) -> list[Json]:
    """The oldest revisions beyond the limit that are not live any more, by name."""
    kept = set(live)
    past = [each for each in history if each["metadata"]["name"] not in kept]
    return past[: max(0, len(past) - limit)]
