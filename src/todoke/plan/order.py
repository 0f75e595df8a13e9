"""In which order steps run: waves, then tiers of kinds, deletions mirrored.

Source: Argo CD, "Sync phases and waves".
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.model.objects import ObjectKey, annotations
from todoke.model.plans import Action, Step

WAVE = "argocd.argoproj.io/sync-wave"
_KINDS = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
]
RANK = {kind: number for number, kind in enumerate(_KINDS)}
_TIER_ENDS = (0, RANK["CustomResourceDefinition"], RANK["RoleBindingList"], RANK["CronJob"], len(_KINDS))


def wave_of(body: Mapping[str, Any]) -> int:
    """The object's wave: its annotation, else Helm's hook weight, else 0; text that is no number counts as absent."""
    own = annotations(dict(body))
    for name in (WAVE, "helm.sh/hook-weight"):
        try:
            return int(own[name])
        except (KeyError, ValueError):
            continue
    return 0


def rank(kind: str) -> int:
    """Place of a kind in the order of delivery; unknown kinds come last."""
    return RANK.get(kind, len(_KINDS))


def tier(kind: str) -> int:
    """Kinds of one tier do not need each other and are applied at the same time.

    Namespaces; what Pods need, and CRDs; rights; workloads and Services; the rest, custom resources among them.
    """
    place = rank(kind)
    return next(number for number, end in enumerate(_TIER_ENDS) if place <= end)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps by wave, applies before deletions; a Namespace or CRD comes no later than what needs it."""
    steps = list(steps)
    if len({step.wave for step in steps}) > 1:
        waves = _bubbled(steps)
        steps = [msgspec.structs.replace(step, wave=waves[step.key]) for step in steps]
    return sorted(steps, key=lambda step: (step.wave, step.action in (Action.PRUNE, Action.SKIP), *_place(step)))


def _place(step: Step) -> tuple[int, ObjectKey]:
    place = rank(step.key.kind)
    return (-place if step.action is Action.PRUNE else place, step.key)


def _bubbled(steps: list[Step]) -> dict[ObjectKey, int]:
    """Wave per object after a Namespace took over the earliest wave of what lives in it, a CRD that of its kind."""
    waves = {step.key: step.wave for step in steps}
    for step in steps:
        if step.action is Action.PRUNE or step.key.kind not in ("Namespace", "CustomResourceDefinition"):
            continue
        for other in steps:
            if other is not step and other.action is not Action.PRUNE and _needs(other, step):
                waves[step.key] = min(waves[step.key], other.wave)
    return waves


def _needs(step: Step, first: Step) -> bool:
    if first.key.kind == "Namespace":
        return step.key.namespace == first.key.name
    group = first.key.name.partition(".")[2]
    return first.key.group == "apiextensions.k8s.io" and step.key.group == group


def mirrored(waves: Iterable[int]) -> dict[int, int]:
    """Waves of deletions, lowest and highest swapped, so that what came last goes first."""
    there = sorted(set(waves))
    return dict(zip(there, reversed(there), strict=True))
