"""Addresses from outside: Services of type LoadBalancer and Ingresses are reached at the loopback address."""

from __future__ import annotations

from typing import Any, Final

from todoke_sandbox.controllers.client import Client, Identity
from todoke_sandbox.controllers.objects import is_deleted, with_status
from todoke_sandbox.storage.store import TableKey
from todoke_sandbox.storage.tables import INGRESSES, SERVICES

Json = dict[str, Any]

SERVICE_CONTROLLER: Final = "service-controller"
INGRESS_CONTROLLER: Final = "ingress-controller"
SERVICE_IDENTITY: Final = Identity("cloud-controller-manager", "system:cloud-controller-manager", SERVICE_CONTROLLER)
INGRESS_IDENTITY: Final = Identity("ingress-controller", "ingress-controller", INGRESS_CONTROLLER)
_ADDRESS: Final = "127.0.0.1"


def service_status(service: Json) -> Json | None:
    """The load balancer that a Service is to have; None when it has that already."""
    has = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    wants = service["spec"].get("type") == "LoadBalancer" and not service["spec"].get("loadBalancerClass")
    if wants and not has:
        return {"ingress": [{"ip": _ADDRESS, "ipMode": "VIP"}]}
    return {} if has and service["spec"].get("type") != "LoadBalancer" else None


def ingress_status(ingress: Json) -> Json | None:
    """The load balancer that an Ingress is to have; None when it has one already."""
    has = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    return None if has else {"ingress": [{"ip": _ADDRESS}]}


class Addresses:
    """The controller of Services or of Ingresses."""

    def __init__(self, name: str, client: Client) -> None:
        """Args: name: SERVICE_CONTROLLER or INGRESS_CONTROLLER."""
        self.name = name
        self._client = client
        self._table: TableKey = SERVICES if name == SERVICE_CONTROLLER else INGRESSES
        self._decide = service_status if name == SERVICE_CONTROLLER else ingress_status

    def sync(self, namespace: str, name: str) -> None:
        """Give one object its address."""
        found = self._client.get(self._table, namespace, name)
        if found is None or is_deleted(found):
            return
        wanted = self._decide(found)
        if wanted is not None:
            self._client.update_status(self._table, with_status(found, loadBalancer=wanted))
