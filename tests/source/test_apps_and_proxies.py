"""Logins of GitHub Apps, and proxies that a Secret names."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cluster.git_repo import Repo
from tests.source.conftest import WatchedServer
from tests.source.reading import files
from todoke.model.credentials import Credential, credential_of
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec
from todoke.source.repositories import GitSource

KEY = rsa.generate_private_key(65537, 2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def credential(url: str, **fields: str) -> Credential:
    """The credential of a Secret as users write it."""
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in {"url": url, **fields}.items()}
    found = credential_of("repository", encoded, "Secret/argocd/app")
    assert found is not None
    return found


class _Recording(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.requests: list[tuple[str, str, str | None]] = []
        self.status, self.seconds, self.given = 201, 3600.0, 0
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Recording

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.requests.append((self.command, self.path, self.headers["Authorization"]))
        self.answer(body)

    def do_POST(self) -> None:
        self.do_GET()

    def answer(self, body: bytes) -> None:
        raise NotImplementedError

    def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class _GitHub(_Handler):
    """The API for apps: the token's number says how many were given."""

    def answer(self, body: bytes) -> None:
        if self.command == "GET":
            self.send(200, b'{"id": 77, "more": {}}')
            return
        self.server.given += 1
        end = datetime.now(UTC) + timedelta(seconds=self.server.seconds)
        self.send(
            self.server.status,
            json.dumps(
                {"token": f"token-{self.server.given}", "expires_at": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
            ).encode(),
        )


class _Proxy(_Handler):
    """Passes requests on to where they say."""

    def answer(self, body: bytes) -> None:
        place = urlsplit(self.path)
        kept = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        onward = http.client.HTTPConnection("127.0.0.1", place.port or 80)
        onward.request(self.command, f"{place.path}?{place.query}", body, kept)
        answer = onward.getresponse()
        self.send(answer.status, answer.read(), answer.getheader("Content-Type") or "")
        onward.close()


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[_Recording]:
    with _Recording(handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def github() -> Iterator[_Recording]:
    with _running(_GitHub) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[_Recording]:
    with _running(_Proxy) as server:
        yield server


def app(url: str, github: _Recording, **fields: str) -> Credential:
    base = {
        "githubAppID": "12",
        "githubAppInstallationID": "34",
        "githubAppPrivateKey": pem(KEY),
        "githubAppEnterpriseBaseUrl": f"{github.url}/api/v3",
    }
    return credential(url, **(base | fields))


async def test_an_app_reads_with_its_installations_token(
    source: GitSource, repo: Repo, server: WatchedServer, url: str, github: _Recording
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    server.users = {"x-access-token": "token-1"}
    source.use_credentials([app(url, github)])
    assert await source.refresh(url)
    assert not await source.refresh(url)
    assert await files(source, url, sha, SourceSpec(url))
    ((method, path, proof),) = github.requests
    assert (method, path) == ("POST", "/api/v3/app/installations/34/access_tokens")
    head, claims, signature = str(proof).removeprefix("Bearer ").split(".")
    KEY.public_key().verify(_decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    said = json.loads(_decoded(claims))
    assert (json.loads(_decoded(head))["alg"], said["iss"]) == ("RS256", "12")
    assert said["iat"] <= time.time() < said["exp"] <= said["iat"] + 600


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_token_is_replaced_a_minute_before_its_end(
    source: GitSource, repo: Repo, server: WatchedServer, url: str, github: _Recording
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    github.seconds = 30
    source.use_credentials([app(url, github)])
    await source.refresh(url)
    await source.refresh(url)
    assert github.given >= 2
    github.seconds = 3600
    await source.refresh(url)
    given = github.given
    source.use_credentials([app(url, github)])
    server.users = {"x-access-token": f"token-{given}"}
    await source.refresh(url)
    assert github.given == given, "the token outlives a look at the credentials"


async def test_without_an_installation_the_repositorys_is_asked_for(
    source: GitSource, repo: Repo, server: WatchedServer, url: str, github: _Recording
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    source.use_credentials([app(url, github, githubAppInstallationID="")])
    assert await source.refresh(url)
    assert [path for _, path, _ in github.requests] == [
        "/api/v3/repos/shop/installation",
        "/api/v3/app/installations/77/access_tokens",
    ]


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, Blocked, "Secret/argocd/app githubAppID: GitHub does not know the app"),
        (404, Blocked, "Secret/argocd/app githubAppInstallationID: GitHub knows no such installation"),
        (503, Unreachable, "status 503 when asked for a token"),
    ],
)
async def test_what_github_refuses(
    source: GitSource, url: str, github: _Recording, status: int, error: type[Exception], message: str
) -> None:
    github.status = status
    source.use_credentials([app(url, github)])
    with pytest.raises(error, match=message):
        await source.refresh(url)


@pytest.mark.parametrize("key", ["no key", pem(ec.generate_private_key(ec.SECP256R1()))])
async def test_an_apps_key_that_is_none(source: GitSource, url: str, github: _Recording, key: str) -> None:
    source.use_credentials([app(url, github, githubAppPrivateKey=key)])
    with pytest.raises(Blocked, match="Secret/argocd/app githubAppPrivateKey: is not"):
        await source.refresh(url)
    assert not github.requests


async def test_a_proxy_is_used_for_asking_and_fetching_and_where_no_proxy_says_so_not(
    source: GitSource, repo: Repo, url: str, proxy: _Recording
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    elsewhere = url.replace("127.0.0.1", "git.invalid")
    source.use_credentials([credential(elsewhere, proxy=proxy.url, noProxy="other.invalid")])
    assert await source.refresh(elsewhere)
    assert await files(source, elsewhere, sha, SourceSpec(elsewhere))
    kinds = {(method, urlsplit(path).path.rpartition("/")[2]) for method, path, _ in proxy.requests}
    assert kinds == {("POST", "git-upload-pack"), ("GET", "refs")}, "what asks by POST, and the program's GET"
    proxy.requests.clear()
    repo.commit({"a.yaml": "a: 2"}, "two")
    source.use_credentials([credential(url, proxy=proxy.url, noProxy="127.0.0.0/8")])
    assert await source.refresh(url)
    assert not proxy.requests


async def test_the_password_of_a_proxy_is_never_shown(source: GitSource) -> None:
    url = "http://git.invalid/shop.git"
    source.use_credentials([credential(url, proxy="http://user:s3cret@127.0.0.1:1")])
    with pytest.raises(Unreachable) as caught:
        await source.refresh(url)
    assert "s3cret" not in str(caught.value)
