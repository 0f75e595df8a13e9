"""Objects of one API server in memory, with its counters."""

import copy
from typing import Any

import msgspec

from todoke.model.objects import LiveObject, ObjectKey, annotations, kind_of
from todoke.model.tracking import INSTALLATION_ID, TRACKING_ID

Json = dict[str, Any]


def live_object(body: Json) -> LiveObject:
    """The value for a stored object."""
    meta, kind = body["metadata"], kind_of(body)
    marks = annotations(body)
    owners = meta.get("ownerReferences") or ()
    return LiveObject(
        key=ObjectKey(kind.group, kind.kind, meta.get("namespace", ""), meta["name"]),
        version=kind.version,
        uid=meta["uid"],
        resource_version=int(meta["resourceVersion"]),
        raw=msgspec.json.encode(body),
        tracking=marks.get(TRACKING_ID, ""),
        installation=marks.get(INSTALLATION_ID, ""),
        owned_by=next((owner["uid"] for owner in owners if owner.get("controller")), ""),
        deleting="deletionTimestamp" in meta,
    )


class Store:
    """Objects of one API server, with its counters."""

    def __init__(self) -> None:
        self.bodies: dict[ObjectKey, Json] = {}
        self.version = 100
        self._uids = 0

    def stored(self, key: ObjectKey, body: Json) -> LiveObject:
        """Write an object; the version moves only when something is different."""
        before = self.bodies.get(key)
        body = copy.deepcopy(body)
        meta = body["metadata"]
        if before is None:
            self._uids += 1
            meta.setdefault("uid", f"uid-{self._uids}")
            meta.setdefault("creationTimestamp", "2026-03-01T12:00:00Z")
            meta["generation"] = 1
        else:
            meta["uid"], meta["resourceVersion"] = before["metadata"]["uid"], before["metadata"]["resourceVersion"]
            meta["generation"] = before["metadata"]["generation"] + (before.get("spec") != body.get("spec"))
            if body == before:
                return live_object(body)
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        self.bodies[key] = body
        return live_object(body)

    def removed(self, key: ObjectKey) -> bool:
        """Delete an object, or mark it when finalizers hold it: whether it is gone."""
        body = self.bodies[key]
        if body["metadata"].get("finalizers"):
            marked = copy.deepcopy(body)
            marked["metadata"].setdefault("deletionTimestamp", "2026-03-01T12:00:00Z")
            self.stored(key, marked)
            return False
        del self.bodies[key]
        self.version += 1
        return True
