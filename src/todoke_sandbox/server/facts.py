"""What the server says of itself: discovery, OpenAPI, its version and its health.

Source: Kubernetes documentation, "The Kubernetes API", "Kubernetes API health endpoints"; a real server's answers.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Any, Final

from todoke_sandbox.registry import discovery
from todoke_sandbox.registry.resources import Registry
from todoke_sandbox.server.answers import document, encode
from todoke_sandbox.server.connection import Answer, Request
from todoke_sandbox.server.negotiation import DISCOVERY, form, wants_aggregated
from todoke_sandbox.server.paths import Parameters, Target
from todoke_sandbox.server.routes import no_method, no_route

Json = dict[str, Any]

TEXT: Final = "text/plain; charset=utf-8"
VERSION: Final[Json] = {
    "major": "1",
    "minor": "37",
    "emulationMajor": "1",
    "emulationMinor": "37",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "36",
    "gitVersion": "v1.37.2+todoke-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "python",
    "platform": "sandbox/python",
}
_HEALTH: Final = ("/healthz", "/livez", "/readyz")
_AGGREGATED: Final = f"application/json;g=apidiscovery.k8s.io;v=v2;as={DISCOVERY}"
_NOWHERE: Final = Answer(404, b"404 page not found\n", TEXT)


_OLD_OPENAPI_TYPE: Final = "application/octet-stream"
_OLD_OPENAPI: Final = b"\n\x032.0\x12\x12\n\x0aKubernetes\x12\x04v1.0B\x00"
"""A document of version 2 that describes nothing: what kubectl asks for when version 3 does not know a kind.

Fields by number: 1 swagger, 2 info (1 title, 2 version), 8 paths. Source: the OpenAPI v2 message of gnostic-models.
"""


class Facts:
    """Answers every request that is for no object."""

    def __init__(self, registry: Registry, address: str) -> None:
        """Takes what is served, and host and port of the server."""
        self._registry, self._address = registry, address

    def answer(self, request: Request, target: Target, given: Parameters) -> Answer:
        """The answer. Raises: Refusal: no such path, or another method than GET."""
        path = target.path.rstrip("/") or "/"
        if path.startswith(_HEALTH):
            return self._health(path, given)
        found = self._document(path, request)
        if found.status == 200 and request.method not in ("GET", "HEAD"):
            raise no_method()
        return found

    def nowhere(self, target: Target) -> Answer:
        """The answer to a path of a resource that is not served: in text when not even its group is.

        Raises: Refusal: 404, the group is served.
        """
        if not target.group or any(r.group == target.group for r in self._registry.resources()):
            raise no_route()
        return _NOWHERE

    def _document(self, path: str, request: Request) -> Answer:
        parts = path.strip("/").split("/")
        if path == "/version":
            return document(VERSION)
        if path == "/":
            return document({"paths": self._paths()})
        if parts[0] in ("api", "apis"):
            return self._discovery(parts, request)
        if path == "/openapi/v2":
            return Answer(200, _OLD_OPENAPI, _OLD_OPENAPI_TYPE)
        if parts[:2] == ["openapi", "v3"]:
            return self._openapi(parts[2:], request)
        return _NOWHERE

    def _discovery(self, parts: list[str], request: Request) -> Answer:
        accept = request.header("accept")
        legacy = parts[0] == "api"
        if len(parts) == 1 and wants_aggregated(accept):
            body = encode(discovery.aggregated(self._registry, legacy=legacy))
            return _tagged(body, request, _AGGREGATED, (("Vary", "Accept"), ("Cache-Control", "public")))
        form(accept)
        if len(parts) == 1:
            found = discovery.legacy_versions(self._address) if legacy else discovery.group_list(self._registry)
            return document(found)
        if not legacy and len(parts) == 2:
            group = discovery.group(self._registry, parts[1])
            return document(group) if group else _NOWHERE
        listed = discovery.resource_list(self._registry, "" if legacy else parts[1], parts[-1])
        if listed:
            return document(listed)
        return self.nowhere(Target("get", "/".join(parts), "" if legacy else parts[1]))

    def _openapi(self, parts: list[str], request: Request) -> Answer:
        if not parts:
            return document({"paths": {name: {"serverRelativeURL": url} for name, url in self._openapi_urls()}})
        served = {(r.group, r.version) for r in self._registry.resources()}
        group, version = (parts[1], parts[2]) if len(parts) == 3 else ("", parts[-1])
        if (group, version) not in served or parts[0] != ("apis" if group else "api"):
            return Answer(404, b"", "")
        return _tagged(self._registry.schemas.openapi_v3(group, version), request, "application/json")

    def _openapi_urls(self) -> list[tuple[str, str]]:
        """Clients keep a document by the hash in its URL: it is that of what the document is made from."""
        found = []
        for group, version in dict.fromkeys((r.group, r.version) for r in self._registry.resources()):
            name = f"apis/{group}/{version}" if group else f"api/{version}"
            found.append((name, f"/openapi/v3/{name}?hash={self._mark(group, version)}"))
        return found

    def _mark(self, group: str, version: str) -> str:
        parts = [VERSION["gitVersion"]]
        for resource in self._registry.resources():
            if (resource.group, resource.version) == (group, version):
                schema = encode(resource.kind.node.schema) if resource.custom else b""
                parts.append(f"{resource.plural} {resource.subresources} {sha512(schema).hexdigest()}")
        return sha512("\n".join(parts).encode()).hexdigest().upper()

    def _health(self, path: str, given: Parameters) -> Answer:
        root, _, check = path[1:].partition("/")
        if check not in ("", "ping") or f"/{root}" not in _HEALTH:
            return _NOWHERE
        if "verbose" in given and not check:
            return Answer(200, f"[+]ping ok\n{root} check passed\n".encode(), TEXT)
        return Answer(200, b"ok", TEXT)

    def _paths(self) -> list[str]:
        roots = {resource.root for resource in self._registry.resources()}
        groups = {f"/apis/{r.group}" for r in self._registry.resources() if r.group}
        return sorted(roots | groups | {"/api", "/apis", "/openapi/v3", "/version", *_HEALTH})


def _tagged(body: bytes, request: Request, content_type: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A document with the hash by which clients ask whether theirs is still good."""
    tag = f'"{sha512(body).hexdigest().upper()}"'
    headers = (("ETag", tag), *headers)
    if tag in request.header("if-none-match"):
        return Answer(304, b"", content_type, headers)
    return Answer(200, body, content_type, headers)
