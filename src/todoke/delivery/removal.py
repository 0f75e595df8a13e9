"""Deletion of an Application: what it owns goes first, wave by wave from the last, then its finalizer comes off.

Source of the rules: Argo CD, "App deletion": no finalizer, no cascade; CRDs are never deleted with an application.
"""

import logging
from collections.abc import Mapping
from typing import Any

from todoke.delivery.ports import Applications, Cluster
from todoke.delivery.reading import kinds_of_status, owned_of
from todoke.model.deliverables import Deliverable
from todoke.model.objects import LiveObject, annotations
from todoke.plan.make import sync_options
from todoke.plan.order import rank, wave_of

log = logging.getLogger(__name__)

FINALIZER = "resources-finalizer.argocd.argoproj.io"
_PROPAGATION = {
    FINALIZER: "Foreground",
    f"{FINALIZER}/foreground": "Foreground",
    f"{FINALIZER}/background": "Background",
}
_LOOK_AGAIN = 5.0


class Removal:
    """Cascading deletion, one step a look."""

    def __init__(self, cluster: Cluster, applications: Applications, installation: str) -> None:
        self._cluster, self._applications, self._installation = cluster, applications, installation

    async def run(self, application: LiveObject, body: Mapping[str, Any], deliverable: Deliverable) -> float | None:
        """Delete the next wave, or take the finalizer off when nothing is left; seconds until the next look."""
        finalizers = (body.get("metadata") or {}).get("finalizers") or ()
        ours = next((name for name in finalizers if name in _PROPAGATION), None)
        if ours is None:
            return None
        await self._cluster.prepare(kinds_of_status(body))
        left = [live for live in owned_of(self._cluster, deliverable, self._installation) if goes(live)]
        if not left:
            await self._applications.release(application, ours)
            log.info("application removed", extra={"application": str(deliverable.key)})
            return None
        waves = {live.key: wave_of(live.body) for live in left}
        last = max(waves.values())
        wave = sorted((live for live in left if waves[live.key] == last), key=lambda o: -rank(o.key.kind))
        for live in wave:
            if not live.deleting:
                await self._cluster.delete(live, _PROPAGATION[ours])
        return _LOOK_AGAIN if any(live.deleting for live in wave) else 0.0


def goes(live: LiveObject) -> bool:
    """Whether a cascading deletion takes the object along."""
    if live.key.kind == "CustomResourceDefinition":
        return False
    if b"sync-options" not in live.raw and b"resource-policy" not in live.raw:
        return True
    body = live.body
    held = {"Delete=false", "Delete=confirm"} & sync_options(body)  # nobody can confirm it yet
    return not held and annotations(body).get("helm.sh/resource-policy") != "keep"
