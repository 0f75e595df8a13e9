"""One request for objects, with what has been found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.server import bodies, parameters
from todoke_sandbox.server.access.authorize import User
from todoke_sandbox.server.connection import Request
from todoke_sandbox.server.paths import Parameters, Target
from todoke_sandbox.verbs.requests import How, Place

_KINDS: Final = {"scale": "Scale", "eviction": "Eviction", "binding": "Binding", "token": "TokenRequest"}


@dataclass(frozen=True)
class Call:
    """A request. Attributes: given: its query parameters."""

    request: Request
    target: Target
    given: Parameters
    user: User
    place: Place

    @property
    def resource(self) -> Resource:
        """What it is for."""
        return self.place.resource

    @property
    def kind(self) -> str:
        """The kind of its body."""
        return _KINDS.get(self.place.subresource) or self.resource.kind.name

    def how(self, verb: str, *, apply: bool = False) -> How:
        """How a write is to be done."""
        return parameters.how(self.given, verb, self.request.header("user-agent"), self.user.name, apply=apply)

    def body(self) -> Any:
        """The decoded body."""
        return bodies.decode(self.request.body, self.request.header("content-type"), self.kind)

    @property
    def include(self) -> str:
        """What of the objects comes with the rows of a Table."""
        return parameters.first(self.given, "includeObject")
