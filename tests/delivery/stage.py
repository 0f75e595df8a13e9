"""One application on fakes, delivered by the real walk."""

from typing import Any

import yaml

from tests.fakes import FakeApplications, FakeClock, FakeCluster, FakeLedger, FakeRenderer, FakeSource, Json
from todoke.delivery.walk import Delivery, House, Rooms
from todoke.model.deliverables import DeliverableKey
from todoke.model.objects import Kind, ObjectKey
from todoke.model.sources import Origin

REPO = "https://git.example.org/acme/manifests.git"
SHOP = DeliverableKey("Application", "todoke", "shop")
CONFIG_MAP = Kind("", "v1", "ConfigMap")
WEB = ObjectKey("", "ConfigMap", "shop", "web")


def config_map(name: str = "web", marks: dict[str, str] | None = None, **data: str) -> str:
    metadata: dict[str, Any] = {"name": name} | ({"annotations": marks} if marks else {})
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


class Stage:
    """The walk with the application `shop`, automatic unless said otherwise."""

    def __init__(self, house: House | None = None) -> None:
        self.source, self.cluster, self.ledger = FakeSource(), FakeCluster(), FakeLedger()
        self.applications, self.clock = FakeApplications("todoke"), FakeClock()
        self.renderer = FakeRenderer()
        rooms = Rooms(self.source, self.renderer, self.cluster, self.applications, self.ledger, self.clock)
        self.delivery = Delivery(rooms, house or House())
        self.rooms = rooms

    def application(self, **spec: Any) -> None:
        """Write the application as `kubectl apply` would; its status stays."""
        metadata = {"name": SHOP.name, "namespace": SHOP.namespace} | spec.pop("metadata", {})
        rest = {name: spec.pop(name) for name in ("status", "operation") if name in spec}
        kept = self.applications.get(DeliverableKey("Application", metadata["namespace"], metadata["name"]))
        if kept is not None and "status" in kept.body:
            rest = {"status": kept.body["status"]} | rest
        policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
        defaults = {
            "project": "default",
            "source": {"repoURL": REPO, "path": "shop", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": policy,
        }
        self.applications.put({"metadata": metadata, "spec": defaults | spec} | rest)

    def ask(self, operation: Json) -> None:
        """Ask for a sync in `.operation`."""
        self.applications.merge("shop", {"operation": operation})

    def push(self, folder: str = "shop", **files: str | None) -> str:
        return self.source.push(REPO, {f"{folder}/{name}.yaml": text for name, text in files.items()})

    async def deliver(self, key: DeliverableKey = SHOP) -> dict[str, Any]:
        """One look; the status after it."""
        await self.source.refresh(Origin(REPO))
        self.again = await self.delivery.deliver(key)
        found = self.applications.body(key.name, key.namespace)
        return found.get("status") or {}

    def there(self) -> set[str]:
        """The ConfigMaps in the cluster."""
        return {key.name for key in self.cluster.store.bodies if key.kind == "ConfigMap"}

    def live(self, key: ObjectKey = WEB) -> Json:
        return self.cluster.store.bodies[key]

    def restart(self) -> None:
        """What the process remembers is lost."""
        self.delivery = Delivery(self.rooms, self.delivery._house)
