"""Fixtures: one control plane with a mover for the whole run, and a namespace of its own for every test."""

from __future__ import annotations

import secrets
import time
import urllib.error
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.sandbox_plane import SandboxPlane
from tests.cluster.stage import Stage, install_kinds, staged


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane | SandboxPlane]:
    """A control plane whose Pods become ready: the real one, or what the mark `anywhere` asks for."""
    yield request.getfixturevalue(f"{getattr(request, 'param', 'real')}_plane")


@pytest.fixture(scope="session")
def real_plane() -> Iterator[ControlPlane]:
    """The real control plane. Builds the programs when there are none yet."""
    with ControlPlane() as running:  # blocking on purpose: no event loop outlives a test
        running.start_mover()
        yield running


@pytest.fixture(scope="session")
def sandbox_plane() -> Iterator[SandboxPlane]:
    """The sandbox, as a process."""
    with SandboxPlane() as running:
        yield running


def everywhere(metafunc: pytest.Metafunc) -> None:
    """Have tests marked `anywhere` run on both control planes; those marked `real` on the real one alone."""
    if "plane" in metafunc.fixturenames and metafunc.definition.get_closest_marker("anywhere"):
        planes = [pytest.param("real", marks=pytest.mark.plane)]
        if not metafunc.definition.get_closest_marker("real"):
            planes.insert(0, pytest.param("sandbox"))
        metafunc.parametrize("plane", planes, indirect=True, scope="session")


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    """The name of a new namespace that Pods can be made in; deleted afterwards, without waiting."""
    name = f"test-{secrets.token_hex(4)}"
    path = f"/api/v1/namespaces/{name}"
    plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    deadline = time.monotonic() + 20
    while True:  # Pods are refused until their ServiceAccount is there
        try:
            plane.request("GET", f"{path}/serviceaccounts/default")
            break
        except urllib.error.HTTPError as error:
            error.close()
            assert time.monotonic() < deadline, f"no ServiceAccount in {name}: {error}"
            time.sleep(0.02)
    yield name
    try:
        plane.request("DELETE", path)
    except urllib.error.HTTPError as error:  # the test deleted it itself
        error.close()
        assert error.code in (404, 409), error


@pytest.fixture
async def client(plane: ControlPlane) -> AsyncIterator[ApiClient]:
    """An open client of ``admin``."""
    async with ApiClient(plane.kubeconfig_path) as opened:
        yield opened


@pytest.fixture
async def stage(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """todoke's rooms on a namespace and a repository of their own."""
    await install_kinds(client)
    async with staged(plane, client, namespace, tmp_path) as ready:
        yield ready
