"""A Git server that only the ConfigMap of certificates knows."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.certificates import Certificates
from tests.cluster.git_server import GitServer
from tests.cluster.stage import Stage, config_map
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    folder = tmp_path / "tls"
    folder.mkdir()
    return Certificates.make(folder)


@pytest.fixture
def server(tmp_path: Path, made: Certificates) -> Iterator[GitServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.serving, made.serving_key)
    with GitServer(tmp_path) as running:
        running._server.socket = context.wrap_socket(running._server.socket, server_side=True)
        yield running


async def trust(stage: Stage, text: str) -> None:
    """The ConfigMap, once todoke has heard of it."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-tls-certs-cm"}}
    path = f"/api/v1/namespaces/{stage.namespace}/configmaps/argocd-tls-certs-cm"
    await stage.api.apply(path, body | {"data": {"127.0.0.1": text}})

    async def heard() -> Any:
        return stage.applications.trusted().certificates

    await until(heard, lambda found: found == {"127.0.0.1": text})


async def test_a_certificate_is_heard_of_at_once(stage: Stage, server: GitServer, made: Certificates) -> None:
    await stage.commit({"shop/web.yaml": config_map(color="blue")})
    url = server.url("manifests.git").replace("http://", "https://")
    await stage.application(source={"repoURL": url, "path": "shop", "targetRevision": "main"})
    status = await stage.deliver()
    assert "Add its CA to the ConfigMap argocd-tls-certs-cm" in status["conditions"][0]["message"]
    await trust(stage, "none")
    status = await stage.deliver()
    assert "ConfigMap/argocd-tls-certs-cm 127.0.0.1: is no certificate" in status["conditions"][0]["message"]
    await trust(stage, made.ca.read_text())
    status = await stage.settled()
    assert (status["sync"]["status"], status["conditions"]) == ("Synced", [])
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
