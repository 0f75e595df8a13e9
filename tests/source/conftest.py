"""A bare repository, a smart-HTTP server for it, and a source room that mirrors it."""

from __future__ import annotations

import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.certificates import Certificates
from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from todoke.source.repositories import GitSource


class Counted:
    """Telemetry that a test can read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.observed: Counter[str] = Counter()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self.counts[" ".join((name, *labels.values()))] += int(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        assert seconds >= 0
        self.observed[" ".join((name, *labels.values()))] += 1

    @property
    def asked(self) -> int:
        """How often refs were asked for."""
        return self.counts["argocd_git_request_total ls-remote"]

    @property
    def fetched(self) -> int:
        """How often something was fetched."""
        return self.counts["argocd_git_request_total fetch"]


class WatchedServer(GitServer):
    """A server that tells when requests come, and lets a test act before one of them is answered."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.came = threading.Semaphore(0)
        self.before_push: list[tuple[str, Callable[[], object]]] = []  # method, what to do before it is answered
        self.hang_fetches = False
        self.let_go = threading.Event()

    def wait_until_allowed(self) -> bool:
        request = self.requests[-1]
        self.came.release()
        if request.service == "git-receive-pack" and self.before_push and self.before_push[0][0] == request.method:
            self.before_push.pop(0)[1]()
        if self.hang_fetches and request.method == "GET":  # only the git program begins with a GET
            self.let_go.wait()
        return super().wait_until_allowed()

    def stop(self) -> None:
        self.let_go.set()
        super().stop()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository below the server's folder."""
    return Repo.create(tmp_path / "server" / "shop.git")


@pytest.fixture
def server(tmp_path: Path, repo: Repo) -> Iterator[WatchedServer]:
    """A running server with that repository."""
    with WatchedServer(tmp_path / "server") as running:
        yield running


@pytest.fixture
def url(server: WatchedServer) -> str:
    """The repository's http URL."""
    return server.url("shop.git")


@pytest.fixture
def telemetry() -> Counted:
    return Counted()


@pytest.fixture
async def source(tmp_path: Path, telemetry: Counted) -> AsyncIterator[GitSource]:
    """A source room with an empty folder."""
    made = GitSource(tmp_path / "mirrors", telemetry, fetch_timeout_seconds=20)
    yield made
    await made.close()


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    """An authority that no system knows, and what it has signed."""
    return Certificates.make(tmp_path)


@pytest.fixture
def context(made: Certificates) -> ssl.SSLContext:
    """The options of a server with a certificate of that authority."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(made.serving, made.serving_key)
    return found
