"""Claims and volumes: every claim gets a volume, made for it where none fits; both are held while in use.

Source: Kubernetes documentation, "Persistent Volumes": "Binding", "Storage Object in Use Protection", "Reclaiming".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.objects import condition, is_deleted, labels, notes, with_spec
from todoke_sandbox.controllers.pods import has_ended
from todoke_sandbox.nodes.node import amount
from todoke_sandbox.storage.tables import CLAIMS, PODS, VOLUMES
from todoke_sandbox.verbs.house import moment as written
from todoke_sandbox.verbs.house import with_metadata
from todoke_sandbox.verbs.selectors import of_object

Json = dict[str, Any]

BINDER: Final = "persistentvolume-controller"
CLAIM_HELD: Final = "kubernetes.io/pvc-protection"
VOLUME_HELD: Final = "kubernetes.io/pv-protection"
PROVISIONER: Final = "sandbox.todoke.dev/provisioner"
_BOUND: Final = "pv.kubernetes.io/bind-completed"
_BY_CONTROLLER: Final = "pv.kubernetes.io/bound-by-controller"
_PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"


def new_volume(claim: Mapping[str, Any]) -> Json:
    """A volume made for a claim."""
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}", "annotations": {_PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "storageClassName": spec.get("storageClassName", ""),
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": reference(claim),
            "hostPath": {"path": f"/nonexistent/{metadata['uid']}"},
        },
    }


def reference(claim: Mapping[str, Any]) -> Json:
    """How a volume names its claim."""
    metadata = claim["metadata"]
    kept = {name: metadata[name] for name in ("name", "namespace", "uid", "resourceVersion")}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **kept}


def fitting(claim: Mapping[str, Any], volumes: Iterable[Json]) -> Json | None:
    """The volume that a claim is to get: the one kept for it, or else the smallest free one that is large enough."""
    spec = claim["spec"]
    named = spec.get("volumeName")
    free = []
    for volume in volumes:
        if named:
            if volume["metadata"]["name"] == named:
                return volume
        elif is_kept_for(volume, claim):
            return volume
        elif not volume["spec"].get("claimRef") and not is_deleted(volume) and _fits(volume, claim):
            free.append(volume)
    return min(free, key=lambda volume: amount(volume["spec"]["capacity"]["storage"]), default=None)


def is_kept_for(volume: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
    """Whether a volume names this claim."""
    ref, metadata = volume["spec"].get("claimRef") or {}, claim["metadata"]
    same = (ref.get("namespace"), ref.get("name")) == (metadata["namespace"], metadata["name"])
    return same and ref.get("uid") in (None, "", metadata["uid"])


def _fits(volume: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
    has, wants = volume["spec"], claim["spec"]
    alike = has.get("storageClassName", "") == wants.get("storageClassName", "")
    alike = alike and has.get("volumeMode", "Filesystem") == wants.get("volumeMode", "Filesystem")
    modes = set(wants.get("accessModes") or ()) <= set(has.get("accessModes") or ())
    large = amount(has["capacity"]["storage"]) >= amount(wants["resources"]["requests"]["storage"])
    chosen = "selector" not in wants or of_object(wants["selector"]).matches(labels(volume))
    return alike and modes and large and chosen


class Binder:
    """Binds claims to volumes, and lets go of volumes whose claim is gone."""

    name = BINDER

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> None:
        """Bring one claim about; a volume where there is no namespace."""
        if not namespace:
            self._settle(name)
            return
        claim = self._client.get(CLAIMS, namespace, name)
        if claim is None or is_deleted(claim) or (claim.get("status") or {}).get("phase") == "Bound":
            return
        volume = fitting(claim, self._informer.all(VOLUMES))
        if volume is None:
            if claim["spec"].get("volumeName"):
                return
            volume = self._client.create(VOLUMES, new_volume(claim))
            made = f"Successfully provisioned volume {volume['metadata']['name']}"
            self._client.tell(claim, "ProvisioningSucceeded", made)
        self._bind(claim, volume)

    def _bind(self, claim: Json, volume: Json) -> None:
        ours = volume["spec"].get("claimRef")
        if not ours or not ours.get("uid"):
            marked = {**notes(volume), **({} if ours else {_BY_CONTROLLER: "yes"})}
            volume = with_metadata(with_spec(volume, claimRef=reference(claim)), annotations=marked or None)
            volume = self._client.update(VOLUMES, volume)
        self._phase(volume, "Bound")
        marked = {**notes(claim), _BOUND: "yes"}
        if not claim["spec"].get("volumeName"):
            marked[_BY_CONTROLLER] = "yes"
        claim = with_metadata(with_spec(claim, volumeName=volume["metadata"]["name"]), annotations=marked)
        claim = self._client.update(CLAIMS, claim)
        status = {
            **(claim.get("status") or {}),
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }
        self._client.update_status(CLAIMS, {**claim, "status": status})

    def _settle(self, name: str) -> None:
        volume = self._client.get(VOLUMES, "", name)
        if volume is None or is_deleted(volume):
            return
        ref = volume["spec"].get("claimRef")
        if not ref or not ref.get("uid"):
            self._phase(volume, "Available")
            return
        claim = self._client.get(CLAIMS, ref["namespace"], ref["name"])
        if claim is not None and claim["metadata"]["uid"] == ref["uid"]:
            return
        volume = self._phase(volume, "Released")
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._client.delete(VOLUMES, volume)

    def _phase(self, volume: Json, phase: str) -> Json:
        before = volume.get("status") or {}
        if before.get("phase") == phase:
            return volume
        status = {"phase": phase, "lastPhaseTransitionTime": written(self._client.now)}
        return self._client.update_status(VOLUMES, {**volume, "status": {**before, **status}})


class Protection:
    """Holds claims that Pods use and volumes that are bound, until they are not any more."""

    name = "persistentvolumeclaim-protection-controller"

    def __init__(self, informer: Informer, client: Client) -> None:
        """Takes what is known and how to write."""
        self._informer = informer
        self._client = client

    def sync(self, namespace: str, name: str) -> None:
        """Hold or release one claim; a volume where there is no namespace."""
        table = CLAIMS if namespace else VOLUMES
        found = self._client.get(table, namespace, name)
        if found is None:
            return
        held = CLAIM_HELD if namespace else VOLUME_HELD
        finalizers = found["metadata"].get("finalizers") or []
        used = self._is_used(found) if namespace else (found.get("status") or {}).get("phase") == "Bound"
        if not is_deleted(found):
            if held not in finalizers:
                found = self._client.update(table, with_metadata(found, finalizers=[*finalizers, held]))
            if namespace:
                self._say_used(found, used)
        elif held in finalizers and not used:
            left = [one for one in finalizers if one != held]
            self._client.update(table, with_metadata(found, finalizers=left or None))

    def _is_used(self, claim: Json) -> bool:
        name = claim["metadata"]["name"]
        for pod in self._informer.namespaced(PODS, claim["metadata"]["namespace"]):
            if not has_ended(pod) and name in claims_of(pod):
                return True
        return False

    def _say_used(self, claim: Json, used: bool) -> None:
        before = claim.get("status") or {}
        conditions = before.get("conditions") or []
        known = condition(conditions, "Unused")
        wanted = "False" if used else "True"
        if known and known["status"] == wanted:
            return
        now = written(self._client.now)
        reason = "PodUsingPVC" if used else "NoPodsUsingPVC"
        message = f"{'A pod is' if used else 'No pods are'} currently referencing this PVC"
        said = {"type": "Unused", "status": wanted, "lastProbeTime": None, "lastTransitionTime": now}
        said |= {"reason": reason, "message": message}
        others = [found for found in conditions if found is not known]
        self._client.update_status(CLAIMS, {**claim, "status": {**before, "conditions": [*others, said]}})


def claims_of(pod: Mapping[str, Any]) -> list[str]:
    """The names of the claims that a Pod uses."""
    volumes = pod["spec"].get("volumes") or ()
    return [one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")]
