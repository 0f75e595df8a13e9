"""Charts of Helm repositories: which version, whose login goes where, and what people read when it fails."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.certificates import Certificates
from tests.source.charts.conftest import Clock, Make, credential
from tests.source.charts.servers import HelmServer, RegistryServer, basic, chart
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.source.charts import Charts
from todoke.source.keyring import Keyring

TARO = basic("taro", "taro-pass")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.0", "v1.2.0"),
        ("^1.2", "1.10.0"),
        ("*", "2.0.0"),
        ("", "2.0.0"),
        ("HEAD", "2.0.0"),
        (">=0.0.0-0", "2.1.0-rc.1"),
        ("2.1.0-rc.1", "2.1.0-rc.1"),
        ("1.4.0+build", "1.4.0+build"),
    ],
)
async def test_a_revision_means_one_version(charts: Charts, helm: HelmServer, wanted: str, expected: str) -> None:
    for version in ("1.2.3", "v1.2.0", "1.10.0", "1.4.0+build", "2.0.0", "2.1.0-rc.1"):
        helm.publish("shop", version)
    assert await charts.resolve(helm.repository, "shop", wanted) == expected


async def test_the_charts_folder_is_the_root_of_its_tree(charts: Charts, helm: HelmServer) -> None:
    body = helm.publish("shop", "1.0.0", chart("shop", "1.0.0", {"templates/a.yaml": "a: 1\n"}))
    tree = await charts.tree(helm.repository, "shop", "1.0.0")
    assert tree.read(tree.find("templates/a.yaml")) == b"a: 1\n"
    assert [name for name, _ in tree.entries(tree.root)] == ["Chart.yaml", "templates"]
    assert tree.revision == "1.0.0"
    assert await charts.archive(helm.repository, "shop", "1.0.0") == body


async def test_what_is_not_there_is_named_with_what_is(charts: Charts, helm: HelmServer) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "2.0.0-rc.1"):
        helm.publish("prometheus", version)
    helm.publish("grafana", "1.0.0")
    with pytest.raises(Blocked) as caught:
        await charts.resolve(helm.repository, "promethius", "1.0.0")
    assert str(caught.value) == (
        f"Helm repository {helm.repository} spec.source.chart: "
        'has no chart "promethius" (there are: prometheus). Correct chart or repoURL'
    )
    with pytest.raises(Blocked) as caught:
        await charts.resolve(helm.repository, "prometheus", "^7")
    assert str(caught.value) == (
        f"Helm repository {helm.repository} spec.source.targetRevision: "
        'chart prometheus has no version that fits "^7" among 6 '
        "(the newest: 2.0.0-rc.1, 1.4.0, 1.3.0, 1.2.0, 1.1.0). Publish it or correct targetRevision"
    )
    with pytest.raises(Blocked, match=r'has no version that fits "9\.9\.9" among 6'):
        await charts.tree(helm.repository, "prometheus", "9.9.9")


async def test_a_bad_constraint_is_quoted(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    with pytest.raises(Blocked, match='"not-a-version" is not valid'):
        await charts.resolve(helm.repository, "shop", "not-a-version")


async def test_a_login_opens_it_and_is_never_shown(charts: Charts, helm: HelmServer, keyring: Keyring) -> None:
    helm.publish("shop", "1.0.0")
    helm.login = TARO
    with pytest.raises(
        Blocked, match=r"wants a login for its index\.yaml, and no credential matches this URL\. Add a Secret"
    ):
        await charts.resolve(helm.repository, "shop", "")
    keyring.replace([credential(helm.repository, "hana", kind="helm")])
    with pytest.raises(Blocked) as caught:
        await charts.resolve(helm.repository, "shop", "")
    assert "does not let the login of Secret/argocd/hana read its index.yaml" in str(caught.value)
    assert "hana-pass" not in str(caught.value)
    keyring.replace([credential(helm.url, use=CredentialUse.TEMPLATE)])
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"
    assert await charts.tree(helm.repository, "shop", "1.0.0")


async def test_archives_at_another_host_come_without_the_login(
    charts: Charts, helm: HelmServer, elsewhere: HelmServer, keyring: Keyring
) -> None:
    keyring.replace([credential(helm.repository)])
    helm.login = TARO
    body = chart("shop", "1.0.0")
    elsewhere.files["/x.tgz"] = body
    helm.publish("shop", "1.0.0", body, urls=[f"{elsewhere.url}/x.tgz"])
    assert await charts.archive(helm.repository, "shop", "1.0.0") == body
    assert [request.authorization for request in elsewhere.requests] == [""]


async def test_passing_credentials_has_to_be_asked_for(
    charts: Charts, helm: HelmServer, elsewhere: HelmServer, keyring: Keyring
) -> None:
    keyring.replace([credential(helm.repository)])
    elsewhere.login = TARO
    elsewhere.files["/x.tgz"] = chart("shop", "1.0.0")
    helm.publish("shop", "1.0.0", elsewhere.files["/x.tgz"], urls=[f"{elsewhere.url}/x.tgz"])
    with pytest.raises(Blocked, match=r"read the archive of chart shop 1\.0\.0"):
        await charts.archive(helm.repository, "shop", "1.0.0")
    assert await charts.archive(helm.repository, "shop", "1.0.0", pass_credentials=True)


async def test_redirects_are_followed_without_the_login(
    charts: Charts, helm: HelmServer, elsewhere: HelmServer, keyring: Keyring
) -> None:
    keyring.replace([credential(helm.repository)])
    helm.publish("shop", "1.0.0")
    elsewhere.files["/there/index.yaml"] = helm.files["/charts/index.yaml"]
    helm.moved["/charts/index.yaml"] = f"{elsewhere.url}/there/index.yaml"
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"
    assert helm.requests[-1].authorization == TARO
    assert [request.authorization for request in elsewhere.requests] == [""]


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ("/charts/index.yaml", "is redirected in circles"),
        ("file:///etc/passwd", "redirected to what is no web address"),
    ],
)
async def test_redirects_that_lead_nowhere(charts: Charts, helm: HelmServer, there: str, problem: str) -> None:
    helm.moved["/charts/index.yaml"] = there
    with pytest.raises(Blocked, match=problem):
        await charts.resolve(helm.repository, "shop", "")


async def test_another_archive_than_the_index_says_is_refused(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    helm.files["/charts/shop-1.0.0.tgz"] = chart("shop", "1.0.0", {"templates/evil.yaml": "a: 1"})
    with pytest.raises(Blocked, match=r"the archive of chart shop 1\.0\.0 is not what its digest says"):
        await charts.tree(helm.repository, "shop", "1.0.0")


async def test_an_index_without_digests_and_one_compressed_on_its_way(charts: Charts, helm: HelmServer) -> None:
    body = helm.publish("shop", "1.0.0", digest="null")
    helm.files["/charts/index.yaml"] = gzip.compress(helm.files["/charts/index.yaml"])
    helm.extra_headers = {"Content-Encoding": "gzip"}  # also said of the archive, which stays as it is
    assert await charts.archive(helm.repository, "shop", "1.0.0") == body


async def test_an_index_may_point_to_a_registry(
    charts: Charts, helm: HelmServer, registry: RegistryServer, plain: object
) -> None:
    plain(registry)  # type: ignore[operator]
    body = chart("shop", "1.0.0+b1")
    registry.push("team/shop", "1.0.0_b1", body)
    helm.publish("shop", "1.0.0+b1", body, urls=[f"oci://{registry.host}/team/shop:1.0.0_b1"])
    assert await charts.archive(helm.repository, "shop", "1.0.0+b1") == body


async def test_only_a_change_of_the_chart_itself_is_a_change(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    assert await charts.refresh(helm.repository, "shop")
    assert not await charts.refresh(helm.repository, "shop")
    helm.publish("other", "1.0.0")
    assert not await charts.refresh(helm.repository, "shop")
    helm.publish("shop", "1.1.0")
    assert await charts.refresh(helm.repository, "shop")
    assert await charts.resolve(helm.repository, "shop", "") == "1.1.0"


async def test_a_version_published_again_is_read_again(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0")
    first = await charts.tree(helm.repository, "shop", "1.0.0")
    helm.entries.clear()
    helm.publish("shop", "1.0.0", chart("shop", "1.0.0", {"values.yaml": "a: 2\n"}))
    assert await charts.refresh(helm.repository, "shop")
    second = await charts.tree(helm.repository, "shop", "1.0.0")
    assert first.root.id != second.root.id
    assert second.read(second.find("values.yaml")) == b"a: 2\n"


async def test_the_index_is_asked_for_when_it_is_old_and_sent_when_it_changed(
    charts: Charts, helm: HelmServer, clock: Clock
) -> None:
    helm.publish("shop", "1.0.0")
    for _ in range(3):
        await charts.resolve(helm.repository, "shop", "")
    assert helm.asked("/charts/index.yaml") == 1
    helm.publish("shop", "1.1.0")
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"
    clock.now += 121
    assert await charts.resolve(helm.repository, "shop", "") == "1.1.0"
    clock.now += 121
    helm.fails["/charts/index.yaml"] = 503
    assert await charts.resolve(helm.repository, "shop", "") == "1.1.0"  # silence changes nothing
    with pytest.raises(Unreachable, match="HTTP status 503"):
        await charts.refresh(helm.repository, "shop")


async def test_what_failed_is_left_alone_for_a_while(charts: Charts, helm: HelmServer, clock: Clock) -> None:
    helm.publish("shop", "1.0.0")
    helm.fails["/charts/index.yaml"] = 500
    for _ in range(5):
        with pytest.raises(Unreachable, match="HTTP status 500"):
            await charts.resolve(helm.repository, "shop", "")
    assert helm.asked("/charts/index.yaml") == 1
    clock.now += 6
    with pytest.raises(Unreachable):
        await charts.resolve(helm.repository, "shop", "")
    clock.now += 6  # the second pause is longer
    with pytest.raises(Unreachable):
        await charts.resolve(helm.repository, "shop", "")
    assert helm.asked("/charts/index.yaml") == 2
    helm.fails.clear()
    clock.now += 6
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"


async def test_new_credentials_are_tried_at_once(charts: Charts, helm: HelmServer, keyring: Keyring) -> None:
    helm.publish("shop", "1.0.0")
    helm.login = TARO
    with pytest.raises(Blocked):
        await charts.resolve(helm.repository, "shop", "")
    keyring.replace([credential(helm.repository)])
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"


async def test_a_repository_that_hangs_holds_nobody_else(
    charts: Charts, helm: HelmServer, elsewhere: HelmServer
) -> None:
    helm.hang["/charts/index.yaml"] = asyncio.Event()
    elsewhere.publish("shop", "1.0.0")
    stuck = [asyncio.create_task(charts.resolve(helm.repository, "shop", "")) for _ in range(20)]
    await helm.hung.wait()
    assert await charts.resolve(elsewhere.repository, "shop", "") == "1.0.0"
    helm.publish("shop", "1.0.0")
    helm.hang["/charts/index.yaml"].set()
    assert await asyncio.gather(*stuck) == ["1.0.0"] * 20
    assert helm.asked("/charts/index.yaml") == 1


async def test_a_slow_answer_ends(make: Make, helm: HelmServer) -> None:
    helm.hang["/charts/index.yaml"] = asyncio.Event()
    with pytest.raises(Unreachable, match=r"no answer when asked for its index\.yaml: it took too long"):
        await make(timeout_seconds=0.05).resolve(helm.repository, "shop", "")


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"index_bytes": 100}, r"its index\.yaml is larger than 9\.54e-05 MiB"),
        ({"archive_bytes": 100}, r"the archive of chart shop 1\.0\.0 is larger"),
        ({"entries": 0}, "holds more than 0 files"),
        ({"unpacked_bytes": 100}, "unpacks to more than"),
    ],
)
async def test_limits(make: Make, helm: HelmServer, limits: dict[str, int], problem: str) -> None:
    helm.publish("shop", "1.0.0")
    with pytest.raises(Blocked, match=problem):
        await make(**limits).tree(helm.repository, "shop", "1.0.0")


async def test_an_archive_that_is_no_chart_names_the_chart(charts: Charts, helm: HelmServer) -> None:
    helm.publish("shop", "1.0.0", b"<html>not found</html>" * 100)
    with pytest.raises(Blocked) as caught:
        await charts.tree(helm.repository, "shop", "1.0.0")
    told = str(caught.value)
    assert told.startswith(f"Chart shop 1.0.0 of Helm repository {helm.repository}: is damaged or no .tgz")
    assert told.endswith("Package it again")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///srv/charts", "begins with file://, which charts are not read from"),
        ("git@example.com:x/y", "names no host"),
        ("registry.example/charts", "has neither https:// nor oci://"),
        ("ftp://example.com/x", "begins with ftp://"),
        ("oci://registry.example/charts:1.0", "has a tag, a digest or a query"),
        ("oci://-bad-/x", "names no host"),
    ],
)
async def test_urls_that_are_no_repository(charts: Charts, url: str, problem: str) -> None:
    with pytest.raises(Blocked, match=problem):
        await charts.resolve(url, "shop", "")


async def test_there_is_no_repository(charts: Charts, helm: HelmServer) -> None:
    with pytest.raises(Blocked, match=r"there is no Helm repository: it has no index\.yaml\. Correct repoURL"):
        await charts.resolve(helm.repository, "shop", "")
    await helm.stop()
    with pytest.raises(Unreachable, match="no answer when asked for"):
        await charts.resolve(f"{helm.url}/other", "shop", "")
    await helm.start()


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[tuple[HelmServer, ssl.SSLContext, Certificates]]:
    """A repository behind TLS with one chart, the options of its TLS, and the files of its authority."""
    made = Certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.serving, made.serving_key)
    server = HelmServer()
    await server.start("localhost", context)
    server.publish("shop", "1.0.0")
    yield server, context, made
    await server.stop()


def client_pair() -> dict[str, SecretText]:
    """A certificate for a client, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "reader")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    )
    signed = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"client_certificate": SecretText(signed.decode()), "client_key": SecretText(private.decode())}


Secured = tuple[HelmServer, ssl.SSLContext, Certificates]


async def test_tls_is_checked_unless_the_secret_says_insecure(
    charts: Charts, keyring: Keyring, secured: Secured
) -> None:
    server, _, _ = secured
    with pytest.raises(
        Blocked, match=r"its TLS certificate is not trusted.*Add its CA to the ConfigMap argocd-tls-certs-cm"
    ):
        await charts.resolve(server.repository, "shop", "")
    bare = Credential(CredentialUse.REPOSITORY, server.repository, insecure=True, origin="Secret/argocd/bare")
    keyring.replace([bare, credential(server.url, use=CredentialUse.TEMPLATE)])
    assert await charts.resolve(server.repository, "shop", "") == "1.0.0"
    assert server.requests[-1].authorization == TARO
    server.moved["/charts/index.yaml"] = "http://localhost:1/index.yaml"
    with pytest.raises(Blocked, match="is redirected from https:// to http://"):
        await charts.refresh(server.repository, "shop")


async def test_the_systems_trust_and_a_client_certificate(
    charts: Charts, keyring: Keyring, secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, context, made = secured
    pair = client_pair()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pair["client_certificate"].reveal())
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca))
    with pytest.raises(Unreachable):
        await charts.resolve(server.repository, "shop", "")
    keyring.replace([Credential(CredentialUse.TEMPLATE, server.url, origin="Secret/argocd/pair", **pair)])
    assert await charts.resolve(server.repository, "shop", "") == "1.0.0"
    broken = {**pair, "client_key": SecretText("none")}
    keyring.replace([Credential(CredentialUse.TEMPLATE, server.url, origin="Secret/argocd/broken", **broken)])
    with pytest.raises(Blocked, match="Secret/argocd/broken tlsClientCertData: its client certificate cannot be used"):
        await charts.resolve(server.repository, "shop", "")


async def test_the_proxy_of_the_secret_is_used(charts: Charts, helm: HelmServer, keyring: Keyring) -> None:
    helm.files["/index.yaml"] = b"entries: {}"
    proxy = SecretText(helm.url.replace("://", "://user:pr0xy-pass@"))
    keyring.replace([credential("http://charts.example", proxy=proxy)])
    with pytest.raises(Blocked, match="has no chart"):
        await charts.resolve("http://charts.example", "shop", "")
    assert helm.requests[0].headers["Host"] == "charts.example"
    keyring.replace([credential("http://localhost:1", proxy=proxy, no_proxy="example.com,localhost")])
    with pytest.raises(Unreachable) as caught:
        await charts.resolve("http://localhost:1", "shop", "")
    assert len(helm.requests) == 1
    assert "pr0xy-pass" not in str(caught.value)
