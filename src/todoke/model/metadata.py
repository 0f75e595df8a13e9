"""The part of `metadata` that we read of custom resources. The API server owns its schema."""

from typing import Any

from todoke.model.schema_marks import Model


class ObjectMeta(Model, frozen=True):
    """Name, marks and life of an object. Times are RFC 3339 text, `""` when unset."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: tuple[str, ...] | None = None
    owner_references: tuple[dict[str, Any], ...] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
