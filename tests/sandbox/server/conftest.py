"""The API server of the sandbox, and the real one beside it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.sandbox.contract.conftest import server_of
from tests.sandbox.contract.player import Server
from tests.sandbox.server.serving import Serving


@pytest.fixture(scope="session")
def serving() -> Iterator[Serving]:
    """A server for tests that leave nothing behind but their namespaces."""
    with Serving() as running:
        yield running


@pytest.fixture
def own() -> Iterator[Serving]:
    """A server of the test's own."""
    with Serving() as running:
        yield running


@pytest.fixture
def place(serving: Serving) -> str:
    """A new namespace of the server."""
    return serving.namespace(f"t-{secrets.token_hex(4)}")


@pytest.fixture(scope="session")
def real(real_plane: ControlPlane) -> Server:
    """The real API server, as admin asks it."""
    return server_of(real_plane.kubeconfig_path)
