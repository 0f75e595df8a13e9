"""Charts and files in OCI registries."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.certificates import Certificates
from tests.source.charts.conftest import Clock, Make, credential
from tests.source.charts.servers import (
    CHART_LAYER,
    OCI_INDEX,
    HelmServer,
    RegistryServer,
    Server,
    basic,
    chart,
    tgz,
)
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.source.charts import Charts
from todoke.source.keyring import Keyring

Plain = Callable[..., None]

FILES_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TARO = basic("taro", "taro-pass")


@pytest.mark.parametrize("scheme", ["oci://", ""])
async def test_charts_are_repositories_and_versions_are_tags(
    charts: Charts, registry: RegistryServer, plain: Plain, scheme: str
) -> None:
    plain(registry)
    for version in ("1.0.0", "1.2.0", "1.3.0_build.7", "2.0.0-rc.1", "latest"):
        registry.push("team/shop", version, chart("shop", version))
    url = f"{scheme}{registry.host}/team"
    assert await charts.resolve(url, "shop", "^1") == "1.3.0+build.7"
    assert await charts.resolve(url, "shop", "") == "1.3.0+build.7"
    tree = await charts.tree(url, "shop", "1.3.0+build.7")
    assert "1.3.0_build.7" in tree.read(tree.find("Chart.yaml")).decode()


async def test_an_exact_version_needs_no_list_of_tags(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    registry.push("team/shop", "1.0.0", chart("shop", "1.0.0"))
    url = f"oci://{registry.host}/team"
    assert await charts.resolve(url, "shop", "1.0.0") == "1.0.0"
    assert await charts.archive(url, "shop", "1.0.0") == chart("shop", "1.0.0")
    assert [request.path.split("/")[4] for request in registry.requests] == ["manifests", "blobs"]


async def test_tags_come_in_pages(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    registry.page = 10
    for minor in range(35):
        registry.push("shop", f"1.{minor}.0", b"x")
    assert await charts.resolve(f"oci://{registry.host}", "shop", "*") == "1.34.0"
    assert registry.asked("/v2/shop/tags/list") == 4


@pytest.mark.parametrize("user", ["taro", ""])
async def test_tokens_are_had_with_the_login_and_kept(
    charts: Charts, registry: RegistryServer, plain: Plain, user: str, clock: Clock
) -> None:
    plain(registry, [credential(f"{registry.host}/team", user, kind="helm", enable_oci=True)] if user else [])
    registry.login = TARO if user else ""
    registry.wants_token = True
    registry.push("team/shop", "1.0.0", chart("shop", "1.0.0"))
    registry.push("team/shop", "1.1.0", chart("shop", "1.1.0"))
    url = f"oci://{registry.host}/team"
    assert await charts.resolve(url, "shop", "*") == "1.1.0"
    for version in ("1.0.0", "1.1.0"):
        await charts.tree(url, "shop", version)
    tokens = [request for request in registry.requests if request.path == "/token"]
    assert [(request.authorization, request.query) for request in tokens] == [
        (registry.login, "service=test&scope=repository:team/shop:pull")
    ]
    clock.now += 291
    await charts.refresh(url, "shop")
    assert registry.asked("/token") == 2


@pytest.mark.parametrize(
    ("realm", "problem"),
    [
        ("http://localhost:1/token", "wants our login to be sent to localhost without TLS"),
        ("file:///etc/passwd", "names no address where a token can be had"),
        ("//[", "names no address where a token can be had"),
    ],
)
async def test_a_registry_does_not_make_us_tell_the_login_to_everybody(
    charts: Charts, keyring: Keyring, tmp_path: Path, realm: str, problem: str
) -> None:
    made = Certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.serving, made.serving_key)
    server = RegistryServer()
    await server.start("localhost", context)
    server.login, server.realm = TARO, realm
    keyring.replace([credential(server.host, kind="oci", insecure=True)])
    with pytest.raises(Blocked) as caught:
        await charts.resolve(f"oci://{server.host}", "shop", "1.0.0")
    assert problem in str(caught.value)
    await server.stop()


async def test_a_login_that_is_refused_is_named_and_not_shown(
    charts: Charts, registry: RegistryServer, plain: Plain
) -> None:
    plain(registry, [credential(f"{registry.host}/team", "hana", kind="helm", enable_oci=True)])
    registry.login = TARO
    registry.push("team/shop", "1.0.0", chart("shop", "1.0.0"))
    with pytest.raises(Blocked) as caught:
        await charts.resolve(f"oci://{registry.host}/team", "shop", "1.0.0")
    told = str(caught.value)
    assert told.startswith(
        f"OCI repository oci://{registry.host}/team: the server does not let the login of Secret/argocd/hana "
        "read a token to read team/shop"
    )
    assert "hana-pass" not in told


async def test_blobs_at_another_host_come_without_the_login(
    charts: Charts, registry: RegistryServer, plain: Plain, elsewhere: HelmServer
) -> None:
    plain(registry, [credential(registry.host, kind="helm", enable_oci=True)])
    registry.login, registry.blobs_elsewhere = TARO, elsewhere.url
    body = chart("shop", "1.0.0")
    registry.push("shop", "1.0.0", body)
    digest = next(iter(registry.stored["shop"].blobs))
    elsewhere.files[f"/{digest}"] = body
    assert await charts.archive(f"oci://{registry.host}", "shop", "1.0.0") == body
    assert [request.authorization for request in elsewhere.requests] == [""]


async def test_tags_of_another_host_are_not_asked_for(charts: Charts, elsewhere: HelmServer, keyring: Keyring) -> None:
    class Leading(Server):
        def answer(self, request: object, told: object) -> object:  # type: ignore[override]
            from aiohttp import web

            headers = {"Link": f'<{elsewhere.url}/v2/shop/tags/list?n=1000>; rel="next"'}
            return web.json_response({"tags": ["1.0.0"]}, headers=headers)

    server = Leading()
    await server.start()
    host = server.url.partition("://")[2]
    keyring.replace([Credential(CredentialUse.TEMPLATE, host, plain_http=True)])
    with pytest.raises(Blocked, match="lists them in circles or at another host"):
        await charts.resolve(f"oci://{host}", "shop", "*")
    assert elsewhere.requests == []
    await server.stop()


async def test_what_is_not_what_its_digest_says_is_refused(
    charts: Charts, registry: RegistryServer, plain: Plain
) -> None:
    plain(registry)
    registry.push("shop", "1.0.0", chart("shop", "1.0.0"))
    registry.wrong_blobs = True
    with pytest.raises(Blocked, match=r"the layer sha256:\w+ of shop is not what its digest says"):
        await charts.tree(f"oci://{registry.host}", "shop", "1.0.0")
    digest = registry.push("app", "v1", tgz({"a": "1"}), FILES_LAYER)
    registry.stored["app"].manifests[digest] = b'{"layers": []}'
    with pytest.raises(Blocked, match=r"app@sha256:\w+ is not what its digest says"):
        await charts.files.tree(f"oci://{registry.host}/app", digest)


@pytest.mark.parametrize(
    ("name", "wanted", "problem"),
    [
        ("shop", "9.9.9", r'chart shop has no version that fits "9\.9\.9" among 1 \(the newest: 1\.0\.0\)'),
        ("none", "1.0.0", 'has no chart "none"'),
        ("Shop", "1.0.0", '"Shop" is not the name of an OCI repository'),
        ("../x", "1.0.0", r'"\.\./x" is not the name'),
    ],
)
async def test_what_is_not_there(
    charts: Charts, registry: RegistryServer, plain: Plain, name: str, wanted: str, problem: str
) -> None:
    plain(registry)
    registry.push("shop", "1.0.0", chart("shop", "1.0.0"))
    with pytest.raises(Blocked, match=problem):
        await charts.resolve(f"oci://{registry.host}", name, wanted)


async def test_what_is_no_chart_says_what_it_is(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    registry.push("app", "1.0.0", tgz({"a": "1"}), FILES_LAYER)
    with pytest.raises(Blocked, match=rf"app:1\.0\.0 is no Helm chart: it holds {FILES_LAYER.replace('+', '.')}"):
        await charts.tree(f"oci://{registry.host}", "app", "1.0.0")
    registry.push_manifest("many", "1.0.0", json.dumps({"mediaType": OCI_INDEX, "manifests": []}).encode())
    with pytest.raises(Blocked, match="many is an index of several images"):
        await charts.tree(f"oci://{registry.host}", "many", "1.0.0")
    for name, body in {"odd": b"<html>", "deep": b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"}.items():
        registry.push_manifest(name, "1.0.0", body)
        with pytest.raises(Blocked, match=f"{name} has a manifest that cannot be read"):
            await charts.tree(f"oci://{registry.host}", name, "1.0.0")


async def test_a_tag_that_moves_is_a_change(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    url = f"oci://{registry.host}"
    registry.push("shop", "1.0.0", chart("shop", "1.0.0"))
    registry.push("shop", "0.1.0", chart("shop", "0.1.0"))
    assert await charts.refresh(url, "shop")
    await charts.tree(url, "shop", "1.0.0")
    assert not await charts.refresh(url, "shop")
    registry.push("shop", "0.1.0", chart("shop", "0.1.0", {"values.yaml": "a: 2"}))
    assert not await charts.refresh(url, "shop")  # nobody uses that one
    registry.push("shop", "1.0.0", chart("shop", "1.0.0", {"values.yaml": "a: 2"}))
    assert await charts.refresh(url, "shop")
    tree = await charts.tree(url, "shop", "1.0.0")
    assert tree.read(tree.find("values.yaml")) == b"a: 2"
    await charts.resolve(url, "shop", "*")
    assert not await charts.refresh(url, "shop")
    registry.push("shop", "1.1.0", b"x")
    assert await charts.refresh(url, "shop")
    assert await charts.resolve(url, "shop", "*") == "1.1.0"


@pytest.mark.parametrize(("wanted", "tag"), [("", "latest"), ("v1", "v1"), ("^1", "1.2.0"), ("1.2.0", "1.2.0")])
async def test_files_by_tag_and_constraint(
    charts: Charts, registry: RegistryServer, plain: Plain, wanted: str, tag: str
) -> None:
    plain(registry)
    for each in ("latest", "v1", "1.0.0", "1.2.0"):
        registry.push("org/app", each, tgz({"deploy/a.yaml": f"tag: {each}"}), FILES_LAYER)
    url = f"oci://{registry.host}/org/app"
    digest = await charts.files.resolve(url, wanted)
    assert digest == registry.stored["org/app"].tags[tag]
    assert await charts.files.resolve(url, digest) == digest
    tree = await charts.files.tree(url, digest)
    assert tree.read(tree.find("deploy/a.yaml")) == f"tag: {tag}".encode()
    assert tree.revision == digest[7:15]


async def test_files_of_a_chart_have_its_folder_as_root(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    provenance = "application/vnd.cncf.helm.chart.provenance.v1.prov"
    registry.push("team/shop", "1.0.0", chart("shop", "1.0.0"), CHART_LAYER, [provenance])
    url = f"oci://{registry.host}/team/shop"
    tree = await charts.files.tree(url, await charts.files.resolve(url, "1.0.0"))
    assert [name for name, _ in tree.entries(tree.root)] == ["Chart.yaml"]


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        (["application/vnd.oci.image.layer.v1.tar+zstd"], "has 0 layers with files of 1, where one is read"),
        ([FILES_LAYER, FILES_LAYER], "has 2 layers with files of 2"),
        (["application/x-tar"], "its layer is of the type application/x-tar, which is not read"),
    ],
)
async def test_artifacts_that_are_not_read(
    charts: Charts, registry: RegistryServer, plain: Plain, layers: list[str], problem: str
) -> None:
    plain(registry)
    digest = registry.push("app", "v1", tgz({"a": "1"}), layers[0], layers[1:])
    with pytest.raises(Blocked) as caught:
        await charts.files.tree(f"oci://{registry.host}/app", digest)
    assert problem in str(caught.value)


async def test_files_that_are_not_there(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    url = f"oci://{registry.host}/app"
    with pytest.raises(Blocked, match=r"is not there\. Correct repoURL, or push it"):
        await charts.files.resolve(url, "v1")
    registry.push("app", "stable", tgz({"a": "1"}), FILES_LAYER)
    with pytest.raises(Blocked, match=r'has no tag "stabel" among 1 \(there are: stable\)'):
        await charts.files.resolve(url, "stabel")
    with pytest.raises(Blocked, match="is neither a tag nor a sha256 digest"):
        await charts.files.resolve(url, "sha256:12")
    with pytest.raises(Blocked, match="has no app@sha256:000000000000… any more"):
        await charts.files.tree(url, f"sha256:{'0' * 64}")
    with pytest.raises(Blocked, match=r"is no OCI repository\. Write oci:// before it, or name a chart"):
        await charts.files.resolve("https://charts.example", "v1")


async def test_artifacts_survive_the_registry(make: Make, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    registry.push("app", "v1", tgz({"a": "1"}), FILES_LAYER)
    url = f"oci://{registry.host}/app"
    first = make()
    digest = await first.files.resolve(url, "v1")
    await first.files.tree(url, digest)
    registry.fails = {request.path: 503 for request in registry.requests}
    tree = await make().files.tree(url, digest)
    assert tree.read(tree.find("a")) == b"1"


async def test_a_registry_that_hangs_holds_no_other(
    charts: Charts, registry: RegistryServer, plain: Plain, helm: HelmServer
) -> None:
    plain(registry)
    registry.push("app", "v1", tgz({"a": "1"}), FILES_LAYER)
    registry.hang["/v2/app/manifests/v1"] = asyncio.Event()
    helm.publish("shop", "1.0.0")
    stuck = asyncio.create_task(charts.files.resolve(f"oci://{registry.host}/app", "v1"))
    await registry.hung.wait()
    assert await charts.resolve(helm.repository, "shop", "") == "1.0.0"
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck


async def test_too_many_requests(charts: Charts, registry: RegistryServer, plain: Plain) -> None:
    plain(registry)
    registry.fails["/v2/app/manifests/v1"] = 429
    with pytest.raises(Unreachable, match="asked too often"):
        await charts.files.resolve(f"oci://{registry.host}/app", "v1")


async def test_a_bearer_token_of_the_secret_is_sent_as_it_is(
    charts: Charts, registry: RegistryServer, plain: Plain
) -> None:
    plain(registry, [Credential(CredentialUse.REPOSITORY, f"oci://{registry.host}/app", bearer_token=SecretText("t0"))])
    registry.login, registry.tokens = TARO, {"t0"}
    registry.push("app", "v1", tgz({"a": "1"}), FILES_LAYER)
    assert await charts.files.resolve(f"oci://{registry.host}/app", "v1")
    assert registry.asked("/token") == 0
