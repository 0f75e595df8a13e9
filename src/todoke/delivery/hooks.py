"""Runs the hooks of one stage of a sync. It never waits: it starts, looks, and says how each stands."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from todoke.delivery.ports import Cluster
from todoke.delivery.refusal import Permission
from todoke.model.errors import DeliveryError, Unreachable
from todoke.model.health import Health
from todoke.model.objects import Kind, LiveObject, ObjectKey
from todoke.plan.hooks import Hook, leftovers, verdict

HookState = Mapping[tuple[ObjectKey, str], str]
"""hookPhase by object and phase, as the operation's results tell."""


class HookResult(msgspec.Struct, frozen=True):
    """How one hook stands."""

    hook: Hook
    phase: str  # Running, Succeeded, Failed, Error; "" = not started, its predecessor is being deleted
    message: str = ""

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.phase in ("Failed", "Error")


class Hooks:
    """The hooks of one operation."""

    def __init__(
        self,
        cluster: Cluster,
        hooks: tuple[Hook, ...],
        states: HookState,
        started: datetime,
        health_of: Callable[[LiveObject], Health | None],
        permission: Permission,
    ) -> None:
        self._cluster, self.all, self._states = cluster, hooks, states
        self._started, self._health_of, self._permission = started, health_of, permission

    def stages(self, phase: str) -> list[int]:
        """The waves of a phase that have hooks."""
        return sorted({hook.wave for hook in self.all if hook.phase == phase})

    async def run(self, phase: str, wave: int) -> list[HookResult]:
        """Start what is not started and look at what runs, for one phase and wave."""
        return [await self._step(hook) for hook in self.all if (hook.phase, hook.wave) == (phase, wave)]

    async def _step(self, hook: Hook) -> HookResult:
        state = self._states.get((hook.manifest.key, hook.phase), "")
        if state in ("Succeeded", "Failed", "Error"):
            return HookResult(hook, state)
        scopes = await self._cluster.prepare([hook.manifest.kind])
        live = (await self._cluster.live([(hook.manifest.kind, hook.manifest.key)])).get(hook.manifest.key)
        if state != "Running":
            if refused := self._refused(hook, live, scopes):
                return HookResult(hook, "Failed", refused)
            if live is None or not self._is_of_this_sync(live):
                return await self._start(hook, live)
        health = self._health_of(live) if live is not None else None
        phase, message = verdict(health, there=live is not None)
        return HookResult(hook, phase, message)

    async def _start(self, hook: Hook, live: LiveObject | None) -> HookResult:
        try:
            if live is not None and "BeforeHookCreation" in hook.policies:
                if not live.deleting and await self._cluster.delete(live, "Background"):
                    live = None
                if live is not None:
                    return HookResult(hook, "", f"waiting for deletion of {live.key}")
            answer = await self._cluster.apply(hook.manifest)
        except Unreachable:
            raise
        except DeliveryError as error:
            return HookResult(hook, "Failed", str(error))
        phase, message = verdict(self._health_of(answer), there=True)
        return HookResult(hook, phase, message)

    def _refused(self, hook: Hook, live: LiveObject | None, scopes: Mapping[Kind, bool | None]) -> str:
        namespaced = scopes.get(hook.manifest.kind)
        namespaced = bool(hook.manifest.key.namespace) if namespaced is None else namespaced
        refusal = self._permission.refusal(hook.manifest, live, namespaced=namespaced)
        return "" if refusal is None else refusal.reason

    def _is_of_this_sync(self, live: LiveObject) -> bool:
        """Whether it was made after this sync began: then an earlier pass made it and died before it could tell."""
        created: Any = (live.body.get("metadata") or {}).get("creationTimestamp")
        return bool(created) and not live.deleting and datetime.fromisoformat(created) >= self._started

    async def clean_up(self, *, succeeded: bool) -> None:
        """Delete the hooks whose policy says so."""
        gone = {hook.manifest.key: hook for hook in leftovers(self.all, succeeded=succeeded)}
        scopes = await self._cluster.prepare({hook.manifest.kind for hook in gone.values()})
        live = await self._cluster.live((hook.manifest.kind, key) for key, hook in gone.items())
        for key, found in live.items():
            if not found.deleting and not self._refused(gone[key], found, scopes):
                await self._cluster.delete(found, "Background")


def waiting_for(results: Iterable[HookResult]) -> str:
    """What a stage waits for, "" when all its hooks have ended."""
    for result in results:
        key = result.hook.manifest.key
        if not result.phase:
            return result.message
        if result.phase == "Running":
            return f"waiting for completion of hook {key.group}/{key.kind}/{key.name}"
    return ""
