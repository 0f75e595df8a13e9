"""Deployments: a ReplicaSet for each version of the template, and the way from one to the next.

Source: Kubernetes documentation, "Deployments"; answers of a real controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.controllers import adoption, rollouts
from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.deployment_status import (
    PROGRESSING,
    Told,
    check_after,
    has_deadline,
    is_complete,
    paused,
    status,
    with_told,
)
from todoke_sandbox.controllers.hashing import short_hash
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import (
    condition,
    created,
    is_controlled_by,
    is_deleted,
    labels,
    notes,
    reference_to,
    with_spec,
    with_status,
)
from todoke_sandbox.controllers.pods import has_ended
from todoke_sandbox.controllers.replica_sets import is_terminating
from todoke_sandbox.controllers.rollouts import (
    DESIRED,
    MAXIMUM,
    NOTHING,
    REVISION,
    Limits,
    Sizes,
    limits,
    revision,
    size,
)
from todoke_sandbox.storage.tables import DEPLOYMENTS, PODS, REPLICA_SETS
from todoke_sandbox.verbs.house import with_metadata
from todoke_sandbox.verbs.refusals import Refusal

Json = dict[str, Any]

NAME: Final = "deployment-controller"
HASH: Final = "pod-template-hash"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
_LONGEST_HISTORY: Final = 2000
_LONGEST_NAME: Final = 253
_NOT_PASSED_ON: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)


@dataclass(frozen=True)
class Versions:
    """The ReplicaSets of a Deployment. Attributes: new: of the current template, if there is one. old: all others."""

    new: Json | None
    old: tuple[Json, ...]

    @property
    def every(self) -> list[Json]:
        """All of them."""
        return [*self.old, *([self.new] if self.new else [])]


def versions(deployment: Mapping[str, Any], replica_sets: Sequence[Json]) -> Versions:
    """Tell the new ReplicaSet from the old ones: the oldest with the Deployment's template."""
    template = _plain(deployment["spec"]["template"])
    new = None
    for each in sorted(replica_sets, key=created):
        if _plain(each["spec"]["template"]) == template:
            new = each
            break
    return Versions(new, tuple(each for each in replica_sets if each is not new))


def _plain(template: Mapping[str, Any]) -> Json:
    """A template without the label that a Deployment gives it."""
    metadata = dict(template.get("metadata") or {})
    found = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    metadata.pop("creationTimestamp", None)
    return {**template, "metadata": metadata | {"labels": found}}


def new_replica_set(deployment: Mapping[str, Any], old: Sequence[Json], limit: Limits) -> Json:
    """The ReplicaSet of a template that has none yet."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    hashed = short_hash(template, (deployment.get("status") or {}).get("collisionCount"))
    marked = {**((template.get("metadata") or {}).get("labels") or {}), HASH: hashed}
    selector = spec["selector"]
    marks = {REVISION: str(max(map(revision, old), default=0) + 1), **_sizes_noted(limit)}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name'][: _LONGEST_NAME - len(hashed) - 1]}-{hashed}",
            "namespace": metadata["namespace"],
            "labels": marked,
            "annotations": {**_passed_on(deployment), **marks},
            "ownerReferences": [reference_to(deployment)],
        },
        "spec": {
            "replicas": rollouts.first_size(limit, old),
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH: hashed}},
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": marked}},
            **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
        },
    }


def up_to_date(deployment: Mapping[str, Any], new: Json, old: Sequence[Json]) -> Json:
    """The new ReplicaSet with the marks and settings it is to have; the same object when it has them."""
    marks = dict(notes(new)) | _passed_on(deployment)
    newest, known = max(map(revision, old), default=0) + 1, revision(new)
    if known < newest:
        if REVISION in marks:  # it served an earlier revision: this is a way back
            marks[HISTORY] = _history(marks.get(HISTORY, ""), marks[REVISION])
        marks[REVISION] = str(newest)
    wanted = deployment["spec"].get("minReadySeconds", 0)
    if marks == notes(new) and new["spec"].get("minReadySeconds", 0) == wanted:
        return new
    return with_spec(with_metadata(new, annotations=marks), minReadySeconds=wanted)


def _history(before: str, added: str) -> str:
    past = [*filter(None, before.split(",")), added]
    while len(",".join(past)) > _LONGEST_HISTORY:
        past.pop(0)
    return ",".join(past)


def _passed_on(deployment: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in notes(deployment).items() if key not in _NOT_PASSED_ON}


def _sizes_noted(limit: Limits) -> dict[str, str]:
    return {DESIRED: str(limit.replicas), MAXIMUM: str(limit.most)}


def resized(replica_set: Json, wanted: int, limit: Limits) -> Json:
    """A ReplicaSet of another size, with marks of what the Deployment wanted then."""
    marks = {**notes(replica_set), **_sizes_noted(limit)}
    return with_spec(with_metadata(replica_set, annotations=marks), replicas=wanted)


class Deployments:
    """The controller."""

    name = NAME

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> float | None:
        """Bring one Deployment a step further. Returns the seconds after which to look again, if ever."""
        found = self._client.get(DEPLOYMENTS, namespace, name)
        if found is None:
            return None
        now = self._client.now
        if found["spec"].get("selector") == {}:
            self._select_nothing(found)
            return None
        has = versions(found, adoption.claimed(self._informer, self._client, REPLICA_SETS, found))
        if is_deleted(found):
            self._write(found, found, has, now, rolling=False)
            return None
        after = self._said(found, paused(found, (found.get("status") or {}).get("conditions") or ()), now)
        limit = limits(found)
        has = self._noted(found, has)
        if found["spec"].get("paused") or rollouts.is_resized(has.every, limit):
            has = self._resize(found, has, rollouts.scale(has.new, has.old, limit), limit)
            if found["spec"].get("paused"):
                self._clean_up(found, has)
            return self._write(found, after, has, now, rolling=False)
        before = has.new
        has = self._roll(found, has, limit)
        after = self._said(after, _told_new(after, has.new, is_made=before is None), now)
        return self._write(found, after, has, now, rolling=True)

    def _said(self, deployment: Json, told: Told | None, now: datetime) -> Json:
        if told is None:
            return deployment
        conditions = (deployment.get("status") or {}).get("conditions") or ()
        return with_status(deployment, conditions=with_told(conditions, told, now))

    def _noted(self, deployment: Json, has: Versions) -> Versions:
        if has.new is None:
            return has
        wanted = up_to_date(deployment, has.new, has.old)
        return has if wanted is has.new else Versions(self._client.update(REPLICA_SETS, wanted), has.old)

    def _roll(self, deployment: Json, has: Versions, limit: Limits) -> Versions:
        if not limit.rolling:
            return self._recreate(deployment, has, limit)
        if has.new is None:
            has = self._made(deployment, has, limit)
        if has.new is None:
            return has
        sizes = rollouts.roll(has.new, has.old, limit)
        has, was = self._resize(deployment, has, sizes, limit), has
        return has if sizes.changes(was.every) else self._cleaned(deployment, has)

    def _recreate(self, deployment: Json, has: Versions, limit: Limits) -> Versions:
        down = rollouts.recreate_down(has.old)
        if down.wanted:
            return self._resize(deployment, has, down, limit)
        if self._old_pods_run(has):
            return has
        if has.new is None:
            has = self._made(deployment, has, limit)
        if has.new is not None and size(has.new) != limit.replicas:
            has = self._resize(deployment, has, Sizes({has.new["metadata"]["name"]: limit.replicas}), limit)
        return self._cleaned(deployment, has)

    def _old_pods_run(self, has: Versions) -> bool:
        if any(rollouts.reported(each, "replicas") for each in has.old):
            return True
        pods = (pod for each in has.old for pod in self._informer.owned_of(each, PODS))
        return any(not has_ended(pod) for pod in pods)

    def _made(self, deployment: Json, has: Versions, limit: Limits) -> Versions:
        body = new_replica_set(deployment, has.old, limit)
        name = body["metadata"]["name"]
        try:
            made = self._client.create(REPLICA_SETS, body)
        except Refusal as refusal:
            if refusal.reason == "AlreadyExists":
                return self._collided(deployment, has, name)
            if not is_terminating(refusal):
                self._refused(deployment, f'Failed to create new replica set "{name}": {refusal.message}')
            raise
        if size(made):
            message = f"Scaled up replica set {name} from 0 to {size(made)}"
            self._client.tell(deployment, "ScalingReplicaSet", message)
        return Versions(made, has.old)

    def _collided(self, deployment: Json, has: Versions, name: str) -> Versions:
        """The name is taken: by our own, or else the next try is made under another name."""
        there = self._client.get(REPLICA_SETS, deployment["metadata"]["namespace"], name)
        if there is not None and is_controlled_by(there, deployment):
            return Versions(there, tuple(each for each in has.old if each["metadata"]["name"] != name))
        collisions = (deployment.get("status") or {}).get("collisionCount", 0) + 1
        self._client.update_status(DEPLOYMENTS, with_status(deployment, collisionCount=collisions))
        raise Refusal(409, "AlreadyExists", f'replicasets.apps "{name}" already exists')

    def _refused(self, deployment: Json, message: str) -> None:
        if has_deadline(deployment):
            told = Told(PROGRESSING, "False", "ReplicaSetCreateError", message)
            self._client.update_status(DEPLOYMENTS, self._said(deployment, told, self._client.now))
        self._client.tell(deployment, "ReplicaSetCreateError", message, warning=True)

    def _resize(self, deployment: Json, has: Versions, sizes: Sizes, limit: Limits) -> Versions:
        if sizes is NOTHING:
            return has
        written = {each["metadata"]["name"]: each for each in has.every}
        for name, wanted in sizes.wanted.items():
            before = size(written[name])
            new = resized(written[name], wanted, limit)
            if new == written[name]:
                continue
            written[name] = self._client.update(REPLICA_SETS, new)
            if before != wanted:
                way = "up" if before < wanted else "down"
                message = f"Scaled {way} replica set {name} from {before} to {wanted}"
                self._client.tell(deployment, "ScalingReplicaSet", message)
        new_one = has.new and written[has.new["metadata"]["name"]]
        return Versions(new_one, tuple(written[each["metadata"]["name"]] for each in has.old))

    def _cleaned(self, deployment: Json, has: Versions) -> Versions:
        if is_complete(deployment, deployment.get("status") or {}):
            self._clean_up(deployment, has)
        return has

    def _clean_up(self, deployment: Json, has: Versions) -> None:
        for each in rollouts.outdated(deployment, has.old):
            self._client.delete(REPLICA_SETS, each)

    def _select_nothing(self, deployment: Json) -> None:
        message = "This deployment is selecting all pods. A non-empty selector is required."
        self._client.tell(deployment, "SelectingAll", message, warning=True)
        seen = with_status(deployment, observedGeneration=deployment["metadata"]["generation"])
        if seen["status"] != deployment.get("status"):
            self._client.update_status(DEPLOYMENTS, seen)

    def _write(self, found: Json, after: Json, has: Versions, now: datetime, *, rolling: bool) -> float | None:
        """Write status and revision where they differ. Returns when to look for progress again."""
        new = {**after, "status": status(after, has.new, has.every, now, rolling=rolling)}
        if has.new is not None and (number := notes(has.new).get(REVISION)):
            new = with_metadata(new, annotations={**notes(after), REVISION: number})
        if new["status"] != found.get("status") or notes(new) != notes(found):
            self._client.update_status(DEPLOYMENTS, new)
        return check_after(found, new["status"], now)


def _told_new(deployment: Json, new: Json | None, *, is_made: bool) -> Told | None:
    """What there is to say about a ReplicaSet that was just made, or found by a Deployment that never spoke of it."""
    if new is None or not has_deadline(deployment):
        return None
    name = new["metadata"]["name"]
    if is_made:
        return Told(PROGRESSING, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
    if condition((deployment.get("status") or {}).get("conditions"), PROGRESSING) is None:
        return Told(PROGRESSING, "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
    return None


def selecting(informer: Informer, replica_set: Mapping[str, Any]) -> list[Json]:
    """Deployments that might adopt a ReplicaSet without an owner."""
    there = informer.namespaced(DEPLOYMENTS, replica_set["metadata"]["namespace"])
    return [each for each in there if adoption.selector_of(each).matches(labels(replica_set))]
