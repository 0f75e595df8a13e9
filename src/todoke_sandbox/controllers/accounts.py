"""What every namespace has: the service account `default` and the certificate of the API server's authority.

Source: Kubernetes documentation, "Managing Service Accounts"; answers of a real controller.
"""

from __future__ import annotations

from typing import Any, Final

from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.objects import is_deleted
from todoke_sandbox.controllers.replica_sets import is_terminating
from todoke_sandbox.storage.store import TableKey
from todoke_sandbox.storage.tables import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "serviceaccount-controller"
ROOT_CA: Final = "kube-root-ca.crt"
_DESCRIPTION: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the"
    " internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes"
    " clusters."
)


def root_ca(namespace: str, certificate: str) -> Json:
    """The ConfigMap with the authority's certificate."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": ROOT_CA,
            "namespace": namespace,
            "annotations": {"kubernetes.io/description": _DESCRIPTION},
        },
        "data": {"ca.crt": certificate},
    }


class Accounts:
    """The controller."""

    name = NAME

    def __init__(self, client: Client, certificate: str) -> None:
        """Args: certificate: of the authority, as PEM."""
        self._client = client
        self._certificate = certificate

    def sync(self, namespace: str, name: str) -> None:
        """Give one namespace what it lacks."""
        found = self._client.get(NAMESPACES, "", name)
        if found is None or is_deleted(found):
            return
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        self._ensure(SERVICE_ACCOUNTS, account)
        wanted = root_ca(name, self._certificate)
        there = self._ensure(CONFIG_MAPS, wanted)
        if there is not None and there.get("data") != wanted["data"]:
            self._client.update(CONFIG_MAPS, {**there, "data": wanted["data"]})

    def _ensure(self, table: TableKey, body: Json) -> Json | None:
        metadata = body["metadata"]
        there = self._client.get(table, metadata["namespace"], metadata["name"])
        if there is not None:
            return there
        try:
            return self._client.create(table, body)
        except Refusal as refusal:
            if is_terminating(refusal):
                return None
            raise
