"""Certificates that servers are known by, as the ConfigMap argocd-tls-certs-cm holds them: by host."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.certificates import Certificates
from tests.cluster.git_repo import Repo
from tests.source.charts.conftest import matching
from tests.source.charts.servers import HelmServer
from tests.source.conftest import WatchedServer
from tests.source.reading import files
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked
from todoke.model.sources import Origin, SourceSpec
from todoke.model.telemetry import Silent
from todoke.model.trusted import Trusted
from todoke.source.remote.guard import networks_of
from todoke.source.repositories import GitSource
from todoke.source.sources import Sources

HOST = "127.0.0.1"


@pytest.fixture
def tls_url(repo: Repo, context: ssl.SSLContext) -> Iterator[str]:
    with WatchedServer(repo.path.parent) as running:
        running._server.socket = context.wrap_socket(running._server.socket, server_side=True)
        yield running.url("shop.git").replace("http://", "https://")


@pytest.mark.parametrize("whose", ["ca", "serving"])
async def test_git_trusts_what_is_named_for_the_host(
    source: GitSource, repo: Repo, tls_url: str, made: Certificates, whose: str
) -> None:
    """The authority's certificate, or the server's own, for asking and for fetching by the git program."""
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    with pytest.raises(Blocked, match="Add its CA to the ConfigMap argocd-tls-certs-cm under the host's name"):
        await source.refresh(tls_url)
    source.use_certificates({HOST: getattr(made, whose).read_text(), "other.example": "none"})
    assert await source.refresh(tls_url)
    assert await files(source, tls_url, sha, SourceSpec(tls_url))


async def test_what_is_taken_out_is_not_trusted_any_more(
    source: GitSource, repo: Repo, tls_url: str, made: Certificates, tmp_path: Path
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    source.use_certificates({HOST: made.ca.read_text()})
    assert await source.refresh(tls_url)
    (tmp_path / "other").mkdir()
    stranger = Certificates.make(tmp_path / "other").ca.read_text()
    for certificates in ({"git.example": made.ca.read_text()}, {HOST: stranger}):
        source.use_certificates(certificates)
        with pytest.raises(Blocked, match="TLS certificate is not trusted"):
            await source.refresh(tls_url)
    source.use_certificates({HOST: f"{stranger}\n{made.ca.read_text()}"})
    await source.refresh(tls_url)


@pytest.mark.parametrize("text", ["none", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"])
async def test_text_that_is_no_certificate_is_named(source: GitSource, repo: Repo, tls_url: str, text: str) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    source.use_certificates({HOST: text})
    with pytest.raises(Blocked, match=rf"ConfigMap/argocd-tls-certs-cm {HOST}: is no certificate.*PEM"):
        await source.refresh(tls_url)
    login = Credential(CredentialUse.REPOSITORY, tls_url, username="taro", password=SecretText("x"), insecure=True)
    source.use_credentials([login])
    await source.refresh(tls_url)  # who checks nothing needs none


@pytest.fixture
async def helm(context: ssl.SSLContext) -> AsyncIterator[HelmServer]:
    server = HelmServer()
    await server.start("localhost", context)
    server.publish("shop", "1.0.0")
    yield server
    await server.stop()


async def test_files_by_url_too(source: GitSource, tmp_path: Path, helm: HelmServer, made: Certificates) -> None:
    sources = Sources(source, tmp_path / "charts", matching, Silent(), networks=networks_of("127.0.0.0/8, ::1/128"))
    helm.files["/a.yaml"] = b"a: 1"
    with pytest.raises(Blocked, match="argocd-tls-certs-cm"):
        await sources.file(f"{helm.url}/a.yaml")
    sources.use_trusted(Trusted(certificates={"localhost": made.ca.read_text()}))
    assert await sources.file(f"{helm.url}/a.yaml") == b"a: 1"
    await sources.close()


async def test_helm_repositories_too(source: GitSource, tmp_path: Path, helm: HelmServer, made: Certificates) -> None:
    sources = Sources(source, tmp_path / "charts", matching, Silent())
    spec = SourceSpec(helm.repository, chart="shop")
    with pytest.raises(Blocked, match="argocd-tls-certs-cm"):
        await sources.latest(spec, "")
    sources.use_trusted(Trusted(certificates={"LOCALHOST": made.ca.read_text()}))
    assert await sources.latest(spec, "") == "1.0.0"
    assert (await sources.tree(spec, "1.0.0")).revision == "1.0.0"
    sources.use_trusted(Trusted(certificates={"localhost": "none"}))
    with pytest.raises(Blocked, match="ConfigMap/argocd-tls-certs-cm localhost"):
        await sources.refresh(Origin(helm.repository, "shop"))
    await sources._charts.close()
