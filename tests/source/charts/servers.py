"""A web server of files, as Helm repositories are, and an OCI registry; both on loopback, in the test's event loop."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import json
import ssl
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def tgz(files: Mapping[str, bytes | str]) -> bytes:
    """A .tgz, the same for the same files."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for path, data in files.items():
            body = data.encode() if isinstance(data, str) else data
            entry = tarfile.TarInfo(path)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def chart(name: str, version: str, more: Mapping[str, str] | None = None) -> bytes:
    """The archive of a chart."""
    files = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", **(more or {})}
    return tgz({f"{name}/{path}": text for path, text in files.items()})


def basic(user: str, password: str) -> str:
    """The header of a login."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Request:
    """What came."""

    method: str
    path: str
    query: str
    authorization: str
    headers: Mapping[str, str]


class Server:
    """A server that remembers what it was asked, and may be told to hang, to fail or to send elsewhere."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.login = ""  # the Authorization header that is wanted
        self.moved: dict[str, str] = {}  # paths that are redirected
        self.fails: dict[str, int] = {}  # paths that are answered with a status
        self.hung = asyncio.Event()  # set when somebody hangs
        self.hang: dict[str, asyncio.Event] = {}  # paths that are answered when the event is set
        self.url = ""

    async def start(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """Listen at a free port."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"{'https' if tls else 'http'}://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening and end what hangs."""
        for event in self.hang.values():
            event.set()
        await self._runner.cleanup()

    def asked(self, path: str) -> int:
        """How many times a path was asked for."""
        return sum(request.path == path for request in self.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = dict(request.headers)
        told = Request(request.method, request.path, request.query_string, headers.get("Authorization", ""), headers)
        self.requests.append(told)
        if request.path in self.hang:
            self.hung.set()
            await self.hang[request.path].wait()
        if request.path in self.moved:
            return web.Response(status=302, headers={"Location": self.moved[request.path]})
        if request.path in self.fails:
            return web.Response(status=self.fails[request.path], text="no")
        return self.answer(request, told)

    def answer(self, request: web.Request, told: Request) -> web.Response:
        raise NotImplementedError


class HelmServer(Server):
    """Files by path. Everything has an ETag."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.entries: dict[str, list[dict[str, object]]] = {}
        self.extra_headers: dict[str, str] = {}

    def publish(self, name: str, version: str, data: bytes | None = None, **changed: object) -> bytes:
        """Put a chart into the repository. Args: changed: of its entry in the index."""
        body = chart(name, version) if data is None else data
        file = f"{name}-{version}.tgz"
        self.files[f"/charts/{file}"] = body
        digest = hashlib.sha256(body).hexdigest()
        entry = {"name": name, "version": version, "urls": [file], "digest": digest, **changed}
        self.entries.setdefault(name, []).insert(0, entry)
        self.files["/charts/index.yaml"] = index_text(self.entries)
        return body

    @property
    def repository(self) -> str:
        """What a repoURL is."""
        return f"{self.url}/charts"

    def answer(self, request: web.Request, told: Request) -> web.Response:
        if self.login and told.authorization != self.login:
            return web.Response(status=401)
        body = self.files.get(request.path)
        if body is None:
            return web.Response(status=404)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if told.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=body, headers={"ETag": etag, **self.extra_headers})


def index_text(entries: Mapping[str, Iterable[Mapping[str, object]]]) -> bytes:
    """An index.yaml as Helm writes it."""
    lines = ["apiVersion: v1", "entries:"]
    for name in sorted(entries):
        lines.append(f"  {name}:")
        for entry in entries[name]:
            first = "- "
            for key in sorted(entry):
                value = entry[key]
                if isinstance(value, list):
                    lines.append(f"  {first}{key}:")
                    lines += [f"    - {item}" for item in value]
                else:
                    lines.append(f"  {first}{key}: {value}")
                first = "  "
    return "\n".join([*lines, 'generated: "2024-01-01T00:00:00Z"', ""]).encode()


@dataclass
class Stored:
    """One repository of a registry."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)


class RegistryServer(Server):
    """An OCI registry, with tokens when it has a login."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, Stored] = {}
        self.page = 1000
        self.wants_token = False  # even of those without a login
        self.wrong_blobs = False
        self.realm = ""
        self.blobs_elsewhere = ""
        self.tokens: set[str] = set()

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]

    def push(self, name: str, tag: str, data: bytes, media_type: str = CHART_LAYER, more: Iterable[str] = ()) -> str:
        """Put an artifact of one layer there. Args: more: media types of further layers. Returns: its digest."""
        repository = self.stored.setdefault(name, Stored())
        layers = [{"mediaType": media_type, "digest": _digest(data), "size": len(data)}]
        repository.blobs[_digest(data)] = data
        for kind in more:
            repository.blobs[_digest(kind.encode())] = kind.encode()
            layers.append({"mediaType": kind, "digest": _digest(kind.encode()), "size": len(kind)})
        config = {"mediaType": CHART_CONFIG, "digest": _digest(b"{}"), "size": 2}
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
        return self.push_manifest(name, tag, json.dumps(manifest).encode())

    def push_manifest(self, name: str, tag: str, body: bytes) -> str:
        """Put any manifest there. Returns: its digest."""
        repository = self.stored.setdefault(name, Stored())
        repository.manifests[_digest(body)] = body
        repository.tags[tag] = _digest(body)
        return _digest(body)

    def answer(self, request: web.Request, told: Request) -> web.Response:
        if request.path == "/token":
            return self._token(request, told)
        name, kind, reference = self._parts(request.path)
        if (self.login or self.wants_token) and told.authorization.removeprefix("Bearer ") not in self.tokens:
            realm = self.realm or f"{self.url}/token"
            challenge = f'Bearer realm="{realm}",service="test",scope="repository:{name}:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        repository = self.stored.get(name)
        if repository is None:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
        if kind == "tags":
            return self._tags(request, name, repository)
        if kind == "manifests":
            digest = repository.tags.get(reference, reference)
            return _served(repository.manifests.get(digest), digest)
        if self.blobs_elsewhere:
            return web.Response(status=307, headers={"Location": f"{self.blobs_elsewhere}/{reference}"})
        body = repository.blobs.get(reference)
        return _served(b"something else" if self.wrong_blobs and body else body, "")

    def _token(self, request: web.Request, told: Request) -> web.Response:
        if self.login and told.authorization != self.login:
            return web.Response(status=401)
        token = f"token-{len(self.tokens)}-{request.query['scope']}"
        self.tokens.add(token)
        return web.json_response({"token": token, "expires_in": 300})

    def _tags(self, request: web.Request, name: str, repository: Stored) -> web.Response:
        tags = sorted(repository.tags)
        start = int(request.query.get("last", "0"))
        following = start + self.page
        link = f'</v2/{name}/tags/list?last={following}&n={self.page}>; rel="next"'
        headers = {"Link": link} if following < len(tags) else {}
        return web.json_response({"name": name, "tags": tags[start:following]}, headers=headers)

    def _parts(self, path: str) -> tuple[str, str, str]:
        for kind in ("tags", "manifests", "blobs"):
            name, found, reference = path.removeprefix("/v2/").partition(f"/{kind}/")
            if found:
                return name, kind, reference
        return "", "", ""


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _served(body: bytes | None, digest: str) -> web.Response:
    if body is None:
        return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)
    return web.Response(body=body, headers={"Docker-Content-Digest": digest} if digest else {})
