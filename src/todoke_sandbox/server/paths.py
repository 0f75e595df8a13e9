"""What a request is for, read from its method and path.

Source: Kubernetes documentation, "Kubernetes API Concepts", "Resource URIs"; "Determine the Request Verb".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from todoke_sandbox.server.access.authorize import Asked
from todoke_sandbox.verbs.selectors import BadSelector, read_fields

_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
_NAMESPACE_PARTS: Final = ("status", "finalize")
_FALSE: Final = ("false", "0")

Parameters = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Target:
    """A place in the API as a URL names it, served or not.

    Attributes:
        verb: as roles name it; of a path that is no resource the method in lower case.
        version: empty for paths that are no resource. rest: what follows a subresource, for proxies.
    """

    verb: str
    path: str
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: tuple[str, ...] = ()

    @property
    def is_resource(self) -> bool:
        """Whether the path is one of resources."""
        return bool(self.plural)

    def asked(self, parameters: Parameters) -> Asked:
        """What the sender needs the right to do."""
        if not self.is_resource:
            return Asked(self.verb, path=self.path)
        name = self.name or _selected_name(self.verb, parameters)
        return Asked(self.verb, self.group, self.plural, self.subresource, self.namespace, name)


def target(method: str, path: str, parameters: Parameters) -> Target:
    """What a request is for. The path is unquoted as a whole, so that a quoted slash parts segments like any other."""
    path = unquote(path)
    parts = path.strip("/").split("/") if path.strip("/") else []
    lower = method.lower()
    version_at = {"api": 1, "apis": 2}.get(parts[0] if parts else "", 0)
    if not version_at or len(parts) <= version_at + 1:
        return Target(lower, path)
    group = parts[1] if version_at == 2 else ""
    version, *segments = parts[version_at:]
    namespace = ""
    if segments[0] == "namespaces" and len(segments) > 1:
        namespace = segments[1]
        if len(segments) > 2 and segments[2] not in _NAMESPACE_PARTS:
            segments = segments[2:]
    plural, name, subresource, *rest = [*segments, "", ""][: max(len(segments), 3)]
    verb = _verb(method, bool(name), parameters)
    return Target(verb, path, group, version, plural, namespace, name, subresource, tuple(rest))


def is_true(parameters: Parameters, name: str) -> bool:
    """Whether a parameter is given and not false."""
    return name in parameters and parameters[name][0].lower() not in _FALSE


def _verb(method: str, named: bool, parameters: Parameters) -> str:
    verb = _VERBS.get(method, method.lower())
    if named or method not in ("GET", "HEAD", "DELETE"):
        return verb
    if verb == "delete":
        return "deletecollection"
    return "watch" if is_true(parameters, "watch") else "list"


def _selected_name(verb: str, parameters: Parameters) -> str:
    """The one name that a collection is asked for, which roles may be restricted to."""
    if verb not in ("list", "watch", "deletecollection"):
        return ""
    try:
        terms = read_fields((parameters.get("fieldSelector") or ("",))[0]).terms
    except BadSelector:
        return ""
    return next((value for path, equal, value in terms if path == "metadata.name" and equal), "")
