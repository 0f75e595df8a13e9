"""Indexes over what the caches keep: objects by application, unready Pods by workload. No IO."""

from todoke.cluster.wire import decode_head, workload_of
from todoke.model.objects import Kind, LiveObject, ObjectKey
from todoke.model.tracking import claimant

POD = Kind("", "v1", "Pod")


class OwnedIndex:
    """Fed with every change of a kept object."""

    def __init__(self) -> None:
        self._by_instance: dict[str, dict[tuple[ObjectKey, str], LiveObject]] = {}
        self._instance_of: dict[ObjectKey, str] = {}
        self._pods: dict[ObjectKey, dict[str, LiveObject]] = {}

    def take(self, before: LiveObject | None, after: LiveObject | None) -> tuple[set[str], set[ObjectKey]]:
        """Note a change: the instances and the objects that have to be looked at again."""
        instances: set[str] = set()
        keys: set[ObjectKey] = set()
        for side in (before, after):
            if side is None:
                continue
            keys.add(side.key)
            if instance := self._note(side, gone=side is not after):
                instances.add(instance)
            if side.key.kind == "Pod" and side.owned_by:
                self._note_pod(side, after is not None, keys)
        instances.update(self._instance_of[key] for key in keys if key in self._instance_of)
        return instances, keys

    def _note(self, side: LiveObject, *, gone: bool) -> str:
        instance = claimant(side.tracking, side.key)
        if not instance:
            return ""
        slot = (side.key, side.version)
        if gone:
            self._by_instance.get(instance, {}).pop(slot, None)
            self._instance_of.pop(side.key, None)
        else:
            self._by_instance.setdefault(instance, {})[slot] = side
            self._instance_of[side.key] = instance
        return instance

    def _note_pod(self, pod: LiveObject, there: bool, keys: set[ObjectKey]) -> None:
        workload = workload_of(decode_head(pod.raw).metadata)
        if workload is None:
            return
        keys.add(workload)
        pods = self._pods.setdefault(workload, {})
        if there:
            pods[pod.key.name] = pod
        else:
            pods.pop(pod.key.name, None)
        if not pods:
            del self._pods[workload]

    def owned(self, instance: str) -> tuple[LiveObject, ...]:
        """Objects that bear the instance's tracking id and are not made by a controller."""
        found = self._by_instance.get(instance, {})
        once = {key: live for (key, _), live in found.items() if not live.owned_by}
        return tuple(once.values())

    def unready_pods(self, workload: ObjectKey) -> tuple[LiveObject, ...]:
        """Pods of a workload that are not ready."""
        return tuple(self._pods.get(workload, {}).values())
