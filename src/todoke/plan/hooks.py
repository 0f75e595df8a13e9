"""Hooks: objects that run around a sync. Which, in which phase and wave, and what becomes of them afterwards.

Source of the rules: Argo CD, "Resource Hooks" and "Helm hooks".
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from todoke.model.health import Health, HealthState
from todoke.model.objects import Manifest, annotations, encode
from todoke.plan.order import rank, wave_of

HOOK, HELM_HOOK = "argocd.argoproj.io/hook", "helm.sh/hook"
PHASES = ("PreSync", "Sync", "PostSync")
_HELM = {
    "pre-install": "PreSync",
    "pre-upgrade": "PreSync",
    "post-install": "PostSync",
    "post-upgrade": "PostSync",
}
_HELM_POLICIES = {
    "before-hook-creation": "BeforeHookCreation",
    "hook-succeeded": "HookSucceeded",
    "hook-failed": "HookFailed",
}


class Hook(msgspec.Struct, frozen=True):
    """One hook in one phase."""

    phase: str  # PreSync, Sync, PostSync or SyncFail
    wave: int
    manifest: Manifest
    policies: frozenset[str]


def hook_types(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The hook types that an object's annotations name; empty for an ordinary object.

    Argo CD's own annotation comes before Helm's, and `crd-install` is no hook.
    """
    marks = annotations(dict(body))
    for name in (HOOK, HELM_HOOK):
        types = tuple(part.strip() for part in marks.get(name, "").split(",") if part.strip())
        if types:
            return () if types == ("crd-install",) else types
    return ()


def hooks_of(manifests: Iterable[Manifest], revision: str, started: datetime) -> tuple[Hook, ...]:
    """The hooks of one sync in running order. Types that are no phase (Skip, Helm's test) never run.

    Args: started: when the sync began; with the revision it makes the name of a hook that has only a generateName.
    """
    found = []
    for manifest in manifests:
        body = manifest.body
        phases = {_HELM.get(kind, kind) for kind in hook_types(body)}
        for phase in sorted(phases & {*PHASES, "SyncFail"}):
            found.append(Hook(phase, wave_of(body), _named(manifest, body, phase, revision, started), _policies(body)))
    return tuple(sorted(found, key=lambda hook: (hook.wave, rank(hook.manifest.key.kind), hook.manifest.key)))


def _named(manifest: Manifest, body: dict[str, Any], phase: str, revision: str, started: datetime) -> Manifest:
    prefix = body["metadata"].pop("generateName", "")
    if not prefix or body["metadata"].get("name") != prefix:
        return manifest
    name = f"{prefix}{revision[:7]}-{phase}-{int(started.timestamp())}".lower()
    body["metadata"]["name"] = name
    marks = body["metadata"].get("annotations") or {}
    for mark, value in marks.items():
        if mark.endswith("/tracking-id") and value.endswith(f"/{prefix}"):
            marks[mark] = value[: -len(prefix)] + name
    key = msgspec.structs.replace(manifest.key, name=name)
    return msgspec.structs.replace(manifest, key=key, raw=encode(body))


def _policies(body: Mapping[str, Any]) -> frozenset[str]:
    marks = annotations(dict(body))
    own = {part.strip() for part in marks.get("argocd.argoproj.io/hook-delete-policy", "").split(",")}
    helm = {_HELM_POLICIES.get(part.strip(), "") for part in marks.get("helm.sh/hook-delete-policy", "").split(",")}
    named = (own | helm) & set(_HELM_POLICIES.values())
    return frozenset(named or {"BeforeHookCreation"})


def verdict(health: Health | None, *, there: bool) -> tuple[str, str]:
    """(hookPhase, message) of a hook that was started: Running, Succeeded, Failed or Error."""
    if not there:
        return "Error", "it is missing, it might have been deleted"
    if health is None or health.state is HealthState.HEALTHY:
        return "Succeeded", "" if health is None else health.message
    if health.state in (HealthState.DEGRADED, HealthState.UNKNOWN):
        return "Failed", health.message
    return "Running", health.message


def leftovers(hooks: Iterable[Hook], *, succeeded: bool) -> tuple[Hook, ...]:
    """Hooks that are deleted now that the sync has ended so."""
    wanted = "HookSucceeded" if succeeded else "HookFailed"
    return tuple(hook for hook in hooks if wanted in hook.policies)
