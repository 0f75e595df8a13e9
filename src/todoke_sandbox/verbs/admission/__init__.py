"""What the server itself does to objects on their way in, kind by kind: nobody comes to hold these fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.admission import definitions, namespaces, pods, services, storage, workloads
from todoke_sandbox.verbs.house import House

Json = dict[str, Any]

Admission = Callable[[House, Resource, Json, Mapping[str, Any] | None], Json]

_BY_KIND: Final[Mapping[tuple[str, str], Admission]] = {
    ("", "Namespace"): namespaces.namespace,
    ("", "PersistentVolume"): storage.volume,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("", "Pod"): pods.pod,
    ("", "Service"): services.service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definitions.definition,
    ("batch", "Job"): workloads.job,
    ("networking.k8s.io", "Ingress"): services.ingress,
}


def admit(house: House, resource: Resource, new: Json, old: Mapping[str, Any] | None) -> Json:
    """The object as the server takes it in. Raises Refusal when it does not.

    Args: old: the object before; None when it is new.
    """
    found = None if resource.custom else _BY_KIND.get((resource.group, resource.kind.name))
    return found(house, resource, new, old) if found else new
