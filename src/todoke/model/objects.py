"""The Kubernetes objects we deliver, as immutable values. Bodies stay JSON bytes until they are needed."""

from typing import Any

import msgspec


class Kind(msgspec.Struct, frozen=True, order=True):
    """A kind as a manifest names it, with its version."""

    group: str  # "" for the core group
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """The value of a manifest's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.api_version}/{self.kind}"


def kind_of(body: dict[str, Any]) -> Kind:
    """The kind that a decoded object names."""
    group, _, version = body["apiVersion"].rpartition("/")
    return Kind(group, version, body["kind"])


class ObjectKey(msgspec.Struct, frozen=True, order=True):
    """Identity of one object in one cluster. The API version is not part of it."""

    group: str
    kind: str
    namespace: str  # "" for cluster-scoped kinds
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class Manifest(msgspec.Struct, frozen=True):
    """One desired object, exactly as it is sent to the server."""

    key: ObjectKey
    version: str
    raw: bytes  # JSON
    origin: str = ""  # "deployment.yaml" or "all.yaml, document 2": where a person finds it

    @property
    def kind(self) -> Kind:
        """Its kind with the version that the manifest uses."""
        return Kind(self.key.group, self.version, self.key.kind)

    @property
    def body(self) -> dict[str, Any]:
        """A fresh decoded copy; changing it changes nothing here."""
        return _decode(self.raw)


class LiveObject(msgspec.Struct, frozen=True):
    """One object as the server last told us."""

    key: ObjectKey
    version: str  # the API version at which `raw` was read
    uid: str
    resource_version: int
    raw: bytes  # JSON
    tracking: str = ""  # value of the tracking-id annotation
    installation: str = ""  # value of the installation-id annotation
    owned_by: str = ""  # UID of its controlling owner
    deleting: bool = False

    @property
    def kind(self) -> Kind:
        """Its kind with the version at which it was read."""
        return Kind(self.key.group, self.version, self.key.kind)

    @property
    def body(self) -> dict[str, Any]:
        """A fresh decoded copy; changing it changes nothing here."""
        body = _decode(self.raw)
        # The items of a list do not say what they are: their list does.
        body.setdefault("apiVersion", self.kind.api_version)
        body.setdefault("kind", self.key.kind)
        return body


_decode = msgspec.json.Decoder(dict[str, Any]).decode
encode = msgspec.json.Encoder(order="sorted").encode
"""Canonical JSON: keys sorted, so that equal objects are equal bytes."""


def annotations(body: dict[str, Any]) -> dict[str, str]:
    """The annotations of a decoded object, empty when it has none."""
    return (body.get("metadata") or {}).get("annotations") or {}


def labels(body: dict[str, Any]) -> dict[str, str]:
    """The labels of a decoded object, empty when it has none."""
    return (body.get("metadata") or {}).get("labels") or {}
