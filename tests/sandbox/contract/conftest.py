"""The two API servers that scripts are played on."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.cluster.sandbox_plane import SandboxPlane
from tests.sandbox.contract.player import Server


def server_of(kubeconfig: Path) -> Server:
    """The API server that a kubeconfig with a token points at."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    data = cluster.get("certificate-authority-data")
    trust = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"), cadata=base64.b64decode(data).decode() if data else None
    )
    return Server(cluster["server"], user["token"], trust)


@pytest.fixture(scope="session")
def real_server(real_plane: ControlPlane) -> Server:
    """The real control plane."""
    return server_of(real_plane.kubeconfig_path)


@pytest.fixture(scope="session")
def sandbox_server(sandbox_plane: SandboxPlane) -> Server:
    """The sandbox."""
    return server_of(sandbox_plane.kubeconfig_path)
