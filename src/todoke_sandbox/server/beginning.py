"""What is in a cluster before anybody writes to it.

Source: a new real 1.37 cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from todoke_sandbox.server.access import default_roles
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.requests import How, Place

Json = dict[str, Any]

_HOW: Final = How("kube-apiserver", "system:apiserver", validation="Ignore")
_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
_PRIORITIES: Final = {
    "system-node-critical": (2_000_001_000, "For Pods without which a node does not work."),
    "system-cluster-critical": (2_000_000_000, "For Pods without which the cluster does not work."),
}


def fill(api: Api, port: int) -> None:
    """Make the first objects. Args: port: of the server, which the Service `kubernetes` leads to."""
    for group, plural, namespace, body in _objects(port):
        resource = api.registry.preferred(group, plural)
        if resource is not None:
            api.create(Place(resource, namespace), body, _HOW)


def _objects(port: int) -> Iterator[tuple[str, str, str, Json]]:
    for name in _NAMESPACES:
        yield "", "namespaces", "", {"metadata": {"name": name}}
    rbac = "rbac.authorization.k8s.io"
    for role in default_roles.roles():
        yield rbac, "clusterroles", "", role
    for binding in default_roles.bindings():
        yield rbac, "clusterrolebindings", "", binding
    for name, (value, description) in _PRIORITIES.items():
        yield "scheduling.k8s.io", "priorityclasses", "", _priority(name, value, description)
    yield "", "services", "default", _service(port)


def _priority(name: str, value: int, description: str) -> Json:
    return {"metadata": {"name": name}, "value": value, "description": description}


def _service(port: int) -> Json:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]
    spec = {"type": "ClusterIP", "clusterIP": "10.96.0.1", "ports": ports}
    return {"metadata": {"name": "kubernetes", "labels": labels}, "spec": spec}
