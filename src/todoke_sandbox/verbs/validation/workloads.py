"""Rules on what makes Pods: selectors, templates, strategies, and the fields that never change.

Source: Kubernetes API reference, apps/v1 and batch/v1; answers of a real server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.verbs.selectors import of_object
from todoke_sandbox.verbs.validation.metadata import labels
from todoke_sandbox.verbs.validation.pods import pod_spec
from todoke_sandbox.verbs.validation.rules import (
    IMMUTABLE,
    Cause,
    forbidden,
    invalid,
    not_negative,
    one_of,
    required,
    unsupported,
)

Old = Mapping[str, Any] | None

_SET_FIELDS: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_UNSET: Final[Mapping[str, Any]] = {}
_CONTROLLER_UID: Final = "batch.kubernetes.io/controller-uid"


def deployment(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """apps/v1 Deployment."""
    spec = new["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    yield from _selected(spec, "deployment")
    yield from _template(spec, ("Always",))
    yield from _strategy(spec.get("strategy") or {})
    yield from not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")
    deadline = spec.get("progressDeadlineSeconds")
    yield from not_negative(deadline, "spec.progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
    yield from _same_selector(spec, old)


def replica_set(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """apps/v1 ReplicaSet."""
    spec = new["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    yield from not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _selected(spec, "deployment")
    yield from _template(spec, ("Always",))
    yield from _same_selector(spec, old)


def daemon_set(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """apps/v1 DaemonSet."""
    spec = new["spec"]
    yield from _selected(spec, "daemonset")
    yield from _template(spec, ("Always",))
    yield from not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    kind = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate")
    yield from one_of(kind, "spec.updateStrategy.type", ("OnDelete", "RollingUpdate"))
    yield from _same_selector(spec, old)


def stateful_set(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """apps/v1 StatefulSet."""
    spec = new["spec"]
    policy = spec.get("podManagementPolicy", "")
    if policy not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    kind = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate")
    if kind not in ("RollingUpdate", "OnDelete"):
        yield invalid("spec.updateStrategy", {"type": kind}, "must be 'RollingUpdate' or 'OnDelete'")
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    yield from not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _selected(spec, "statefulset")
    claims = [claim["metadata"].get("name", "") for claim in spec.get("volumeClaimTemplates") or ()]
    yield from _template(spec, ("Always",), claims)
    if old is None:
        return
    before = old["spec"]
    for name in ("serviceName", "podManagementPolicy"):
        if spec.get(name) != before.get(name):
            yield invalid(f"spec.{name}", spec.get(name, ""), IMMUTABLE)
    yield from _same_selector(spec, old)
    fixed = {name for name in (*spec, *before) if name not in (*_SET_FIELDS, "serviceName", "podManagementPolicy")}
    if any(spec.get(name) != before.get(name) for name in fixed - {"selector"}):
        names = ", ".join(f"'{name}'" for name in _SET_FIELDS[:-1])
        why = f"updates to statefulset spec for fields other than {names} and 'minReadySeconds' are forbidden"
        yield forbidden("spec", why)


def job(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """batch/v1 Job."""
    spec = new["spec"]
    yield from _job_spec(spec, "spec")
    if old is None:
        yield from _own_selector(new)
        return
    before = old["spec"]
    fixed = ["completions", "selector", "completionMode", "backoffLimitPerIndex", "podFailurePolicy"]
    suspended = before.get("suspend") and not (old.get("status") or {}).get("startTime")
    for name in fixed + ([] if suspended else ["template"]):
        if spec.get(name) != before.get(name):
            yield invalid(f"spec.{name}", spec.get(name), IMMUTABLE)


def cron_job(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """batch/v1 CronJob."""
    spec = new["spec"]
    schedule = spec.get("schedule", "")
    if not schedule:
        yield required("spec.schedule")
    elif not schedule.startswith("@"):
        parts = schedule.split()
        if len(parts) != 5:
            why = f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
            yield invalid("spec.schedule", schedule, why)
        elif bad := [part for part in parts if not re.fullmatch(r"[0-9A-Za-z*?,/\-]+", part)]:
            yield invalid("spec.schedule", schedule, f"failed to parse int from {bad[0]}")
    policy = spec.get("concurrencyPolicy", "Allow")
    yield from one_of(policy, "spec.concurrencyPolicy", ("Allow", "Forbid", "Replace"))
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds"):
        yield from not_negative(spec.get(name), f"spec.{name}")
    yield from _job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")


def _job_spec(spec: Mapping[str, Any], field: str) -> Iterator[Cause]:
    counts = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    for name in counts:
        yield from not_negative(spec.get(name), f"{field}.{name}")
    template = spec["template"]
    yield from pod_spec(template["spec"], f"{field}.template.spec", ("OnFailure", "Never"))
    policy = template["spec"].get("restartPolicy", "")
    if policy == "Always":
        yield required(f"{field}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield unsupported(f"{field}.template.spec.restartPolicy", policy, ("OnFailure", "Never"))


def _own_selector(new: Mapping[str, Any]) -> Iterator[Cause]:
    spec = new["spec"]
    if spec.get("manualSelector"):
        yield from _selected(spec, "job")
    elif spec["selector"] != {"matchLabels": {_CONTROLLER_UID: new["metadata"]["uid"]}}:
        yield invalid("spec.selector", spec["selector"], "`selector` not auto-generated")


def _selected(spec: Mapping[str, Any], what: str) -> Iterator[Cause]:
    """A selector that is there, and chooses the Pods of its own template."""
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", {}, f"empty selector is invalid for {what}")
        return
    found = (spec["template"].get("metadata") or _UNSET).get("labels")
    if not of_object(selector).matches(found or {}):
        yield invalid("spec.template.metadata.labels", found, "`selector` does not match template `labels`")


def _template(spec: Mapping[str, Any], policies: Sequence[str], claims: Sequence[str] = ()) -> Iterator[Cause]:
    template = spec["template"]
    yield from labels((template.get("metadata") or _UNSET).get("labels") or {}, "spec.template.labels")
    yield from pod_spec(template["spec"], "spec.template.spec", policies, claims)
    yield from one_of(template["spec"].get("restartPolicy", "Always"), "spec.template.spec.restartPolicy", policies)


def _same_selector(spec: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    if old is not None and spec.get("selector") != old["spec"].get("selector"):
        yield invalid("spec.selector", spec.get("selector"), IMMUTABLE)


def _strategy(strategy: Mapping[str, Any]) -> Iterator[Cause]:
    kind, rolling = strategy.get("type", "RollingUpdate"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            yield forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif kind != "RollingUpdate":
        value = {"Type": kind, "RollingUpdate": rolling}
        yield unsupported("spec.strategy", value, ("Recreate", "RollingUpdate"))
    elif rolling is not None and _is_zero(rolling.get("maxSurge")) and _is_zero(rolling.get("maxUnavailable")):
        place = "spec.strategy.rollingUpdate.maxUnavailable"
        yield invalid(place, rolling.get("maxUnavailable"), "may not be 0 when `maxSurge` is 0")


def _is_zero(value: Any) -> bool:
    return value == 0 or (isinstance(value, str) and value.rstrip("%") == "0")
