"""What we read of the server's JSON: typed, with everything else left as bytes."""

import msgspec

from todoke.model.objects import Kind, LiveObject, ObjectKey
from todoke.model.tracking import INSTALLATION_ID, TRACKING_ID


class Owner(msgspec.Struct, gc=False):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = "0"
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[Owner] | None = None
    deletion_timestamp: str | None = None

    @property
    def version(self) -> int:
        """The resource version as a number; Kubernetes compares them so since 1.35."""
        return int(self.resource_version or 0)


class Head(msgspec.Struct):
    metadata: Meta


class _Condition(msgspec.Struct, gc=False):
    type: str = ""
    status: str = ""


class _PodStatus(msgspec.Struct):
    phase: str = ""
    conditions: list[_Condition] | None = None


class _Pod(msgspec.Struct):
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


class Event(msgspec.Struct, gc=False):
    type: str
    object: msgspec.Raw


class ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(msgspec.Struct):
    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class WatchError(msgspec.Struct):
    code: int = 0
    message: str = ""


decode_head = msgspec.json.Decoder(Head).decode
_decode_pod = msgspec.json.Decoder(_Pod).decode
decode_event = msgspec.json.Decoder(Event).decode
decode_page = msgspec.json.Decoder(Page).decode
decode_watch_error = msgspec.json.Decoder(WatchError).decode


def unready_pod(raw: bytes) -> bool:
    """Whether a Pod neither is ready nor has ended well."""
    status = _decode_pod(raw).status
    if status.phase == "Succeeded":
        return False
    return not any(c.type == "Ready" and c.status == "True" for c in status.conditions or ())


def workload_of(meta: Meta) -> ObjectKey | None:
    """The workload that a Pod belongs to, read from its controller alone.

    A ReplicaSet that a Deployment made is named `<deployment>-<pod-template-hash>` (Deployment controller), so the
    Deployment's name needs no look at the ReplicaSet.
    """
    owner = next((o for o in meta.owner_references or () if o.controller), None)
    if owner is None:
        return None
    if owner.kind == "ReplicaSet":
        template = (meta.labels or {}).get("pod-template-hash", "")
        if template and owner.name.endswith(f"-{template}"):
            return ObjectKey("apps", "Deployment", meta.namespace, owner.name[: -len(template) - 1])
    group = {"ReplicaSet": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "Job": "batch"}.get(owner.kind)
    return None if group is None else ObjectKey(group, owner.kind, meta.namespace, owner.name)


def live_object(kind: Kind, raw: bytes, meta: Meta) -> LiveObject:
    """The value for an object whose head was read already."""
    annotations = meta.annotations or {}
    return LiveObject(
        key=ObjectKey(kind.group, kind.kind, meta.namespace, meta.name),
        version=kind.version,
        uid=meta.uid,
        resource_version=meta.version,
        raw=raw,
        tracking=annotations.get(TRACKING_ID, ""),
        installation=annotations.get(INSTALLATION_ID, ""),
        owned_by=next((o.uid for o in meta.owner_references or () if o.controller), ""),
        deleting=meta.deletion_timestamp is not None,
    )


def read_object(kind: Kind, raw: bytes) -> LiveObject:
    """The value for an answer of the server."""
    return live_object(kind, raw, decode_head(raw).metadata)
