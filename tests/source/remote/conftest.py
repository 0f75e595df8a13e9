"""All sources of a process, a Git server and a web server on loopback, which only a Secret may open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.git_server import GitServer
from tests.source.charts.conftest import credential, matching
from tests.source.charts.servers import HelmServer
from todoke.model.credentials import Credential, CredentialUse
from todoke.model.telemetry import Silent
from todoke.source.remote.guard import networks_of
from todoke.source.repositories import GitSource
from todoke.source.sources import Sources


class Place(Sources):
    """The sources of one process."""

    def __init__(self, folder: Path, networks: str = "") -> None:
        git = GitSource(folder / "mirrors", Silent(), fetch_timeout_seconds=20)
        super().__init__(git, folder / "charts", matching, Silent(), networks=networks_of(networks))

    def name(self, *urls: str, use: CredentialUse = CredentialUse.TEMPLATE, **more: object) -> None:
        """Let Secrets without a login cover some URLs."""
        self.use_credentials([Credential(use, url, origin=f"Secret/argocd/{url}", **more) for url in urls])  # type: ignore[arg-type]

    def login(self, *urls: str, use: CredentialUse = CredentialUse.TEMPLATE) -> None:
        """Let Secrets with a login cover some URLs."""
        self.use_credentials([credential(url, use=use) for url in urls])


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Sources that may ask no private address."""
    made = Place(tmp_path / "state")
    yield made
    await made.close()


@pytest.fixture
async def open_place(tmp_path: Path) -> AsyncIterator[Place]:
    """Sources for which loopback is an allowed network."""
    made = Place(tmp_path / "open", "127.0.0.0/8")
    yield made
    await made.close()


@pytest.fixture
async def web() -> AsyncIterator[HelmServer]:
    """A web server of files."""
    server = HelmServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitServer]:
    """A Git server."""
    (tmp_path / "forge").mkdir()
    with GitServer(tmp_path / "forge") as server:
        yield server
