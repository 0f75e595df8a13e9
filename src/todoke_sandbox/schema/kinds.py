"""A kind of objects: its type, and how the server reads an object of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from todoke_sandbox.schema.decoding import Decoding, zero
from todoke_sandbox.schema.defaults import set_defaults
from todoke_sandbox.schema.node import Json, Node
from todoke_sandbox.schema.shaping import default, prune


@dataclass(frozen=True)
class Kind:
    """What is known of one kind in one version.

    Attributes:
        node: the type of its objects.
        built_in: read through the server's own types, and completed by its own code.
        has_status: of custom kinds: status is a subresource.
    """

    group: str
    version: str
    name: str
    node: Node
    built_in: bool = False
    has_status: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Group, version, kind."""
        return (self.group, self.version, self.name)

    @cached_property
    def api_version(self) -> str:
        """As objects spell it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def text(self) -> str:
        """As messages spell it: `apps/v1, Kind=Deployment`."""
        return f"{self.group}/{self.version}, Kind={self.name}"

    @cached_property
    def empty(self) -> Json:
        """The object that the server compares a new one with: no values, but what it writes even then."""
        bare: Json = zero(self.node) if self.built_in else {"metadata": {}}
        return bare | {"apiVersion": self.api_version, "kind": self.name}

    def read(self, body: Mapping[str, Any]) -> tuple[Json, list[str]]:
        """The object a body stands for, as the server would keep it, and the paths of fields it does not know.

        Values of built-in kinds are completed by the server's defaults, those of custom kinds pruned and defaulted by
        their schema; nothing is validated.

        Raises: Undecodable: a value of a built-in kind has the wrong type.
        """
        known = dict(body) | {"apiVersion": self.api_version, "kind": self.name}
        reading = Decoding()
        if self.built_in:
            read: Json = reading.read(self.node, known)
            set_defaults(self.key, read)
            return read, reading.lost
        lost: list[str] = []
        metadata = reading.read(self.node.fields["metadata"], known.pop("metadata", None) or {})
        pruned: Json = prune(self.node, known, lost)
        pruned["metadata"] = metadata
        return default(self.node, pruned), lost + [f"metadata.{path}" for path in reading.lost]
