"""Refusals in the server's words: each becomes the Status object that clients read.

Source: answers of a real server; Kubernetes API conventions, "Response Status Kind".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from todoke_sandbox.registry.resources import Resource

Json = dict[str, Any]


class Refusal(Exception):
    """A request that is not carried out.

    Attributes: code: the HTTP status. reason: for programs. details: what `Status.details` holds.
    """

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        """Takes what the Status says."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details: Json = dict(details or {})
        self._detailed = details is not None

    @property
    def status(self) -> Json:
        """The answer's body."""
        body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self._detailed:
            body["details"] = self.details
        return body | {"code": self.code}

    @classmethod
    def bad_request(cls, message: str) -> Self:
        """A request that makes no sense."""
        return cls(400, "BadRequest", message)

    @classmethod
    def not_found(cls, resource: Resource, name: str) -> Self:
        """No such object."""
        return cls(404, "NotFound", f'{resource.text} "{name}" not found', _details(resource, name))

    @classmethod
    def already_exists(cls, resource: Resource, name: str, going: bool = False) -> Self:
        """Creating what is there, or is still going away."""
        message = f'{"object is being deleted: " if going else ""}{resource.text} "{name}" already exists'
        return cls(409, "AlreadyExists", message, _details(resource, name))

    @classmethod
    def conflict(cls, resource: Resource, name: str, why: str) -> Self:
        """The object is not in the version or state that the request is for."""
        message = f'Operation cannot be fulfilled on {resource.text} "{name}": {why}'
        return cls(409, "Conflict", message, _details(resource, name))

    @classmethod
    def forbidden(cls, resource: Resource, name: str, why: str, causes: Sequence[Json] = ()) -> Self:
        """Not allowed, by rights or by the server's own rules."""
        about = f'{resource.text} "{name}"' if name else resource.text
        details = _details(resource, name) | ({"causes": list(causes)} if causes else {})
        return cls(403, "Forbidden", f"{about} is forbidden: {why}", details)

    @classmethod
    def expired(cls, message: str) -> Self:
        """A version or list position that is no longer kept."""
        return cls(410, "Expired", message)

    @classmethod
    def invalid(cls, kind: tuple[str, str], name: str, causes: Sequence[tuple[str, str, str]]) -> Self:
        """Values that the kind does not allow. Args: kind: group and kind. causes: reason, message, field of each."""
        group, of = kind
        listed = [{"reason": reason, "message": message, "field": field} for reason, message, field in causes]
        texts = [f"{field}: {message}" for _, message, field in causes]
        text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        full = f"{of}.{group}" if group else of
        details: Json = (
            ({"name": name} if name else {}) | ({"group": group} if group else {}) | {"kind": of, "causes": listed}
        )
        return cls(422, "Invalid", f'{full} "{name}" is invalid: {text}', details)

    @classmethod
    def method_not_allowed(cls, resource: Resource, verb: str) -> Self:
        """A verb that the resource does not have."""
        message = f"{verb} is not supported on resources of kind {_quoted(resource.text)}"
        return cls(405, "MethodNotAllowed", message, _details(resource, ""))

    @classmethod
    def unsupported_patch(cls, accepted: Iterable[str]) -> Self:
        """A patch of a media type that the resource does not take."""
        listed = ", ".join(accepted)
        message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
        return cls(415, "UnsupportedMediaType", message)


def _details(resource: Resource, name: str) -> Json:
    details: Json = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    return details | {"kind": resource.plural}


def _quoted(text: str) -> str:
    return f'"{text}"'
