"""Kustomizations and value files that name things elsewhere, delivered; a hard refresh notices what moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.cluster.stage import Stage
from tests.cluster.test_charts import data, package
from tests.cluster.waiting import until
from tests.source.charts.servers import HelmServer

pytestmark = pytest.mark.anywhere

BASE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\ndata: {color: blue, version: '1'}\n"
HARD = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitServer]:
    """A Git server."""
    (tmp_path / "forge").mkdir()
    with GitServer(tmp_path / "forge") as server:
        yield server


@pytest.fixture
async def web() -> AsyncIterator[HelmServer]:
    """A web server, with a chart in its Helm repository."""
    server = HelmServer()
    await server.start()
    server.publish("web", "1.0.0", package("web", "1.0.0"))
    yield server
    await server.stop()


async def config(stage: Stage, **entries: str) -> None:
    """Put entries, with `_` for the dots, into argocd-cm."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}}
    body["data"] = {name.replace("_", "."): text for name, text in entries.items()}  # type: ignore[assignment]
    await stage.api.create(f"/api/v1/namespaces/{stage.namespace}/configmaps", body)


async def test_a_remote_base_is_delivered_and_a_hard_refresh_notices_that_it_moved(
    stage: Stage, forge: GitServer
) -> None:
    far = Repo.open(forge.create("org/bases.git"))
    far.commit({"base/kustomization.yaml": "resources: [far.yaml]\n", "base/far.yaml": BASE}, "one")
    url = f"{forge.url('org/bases.git')}//base?ref=main"
    await stage.commit({"shop/kustomization.yaml": f"resources: ['{url}']\nnamePrefix: my-\n"})
    await stage.application(source={"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main"})
    status = await stage.settled()
    assert (status["sync"]["status"], status["conditions"]) == ("Synced", [])
    assert await data(stage, "my-far") == {"color": "blue", "version": "1"}
    await stage.assert_quiet(("ConfigMap", "my-far"))

    far.commit({"base/far.yaml": BASE.replace("blue", "red")}, "two")
    far.tag("v2")
    await stage.commit({"elsewhere.txt": "x"})
    await stage.settled()
    assert (await data(stage, "my-far"))["color"] == "blue"
    await stage.commit({"shop/kustomization.yaml": f"resources: ['{url.replace('main', 'v2')}']\nnamePrefix: my-\n"})
    await stage.settled()
    assert (await data(stage, "my-far"))["color"] == "red"

    await stage.commit({"shop/kustomization.yaml": f"resources: ['{url}']\nnamePrefix: my-\n"})
    await stage.settled()
    far.commit({"base/far.yaml": BASE.replace("blue", "green")}, "three")

    async def refreshed() -> str:
        await stage.patch_application(HARD)
        await stage.settled()
        return (await data(stage, "my-far"))["color"]

    await until(refreshed, lambda color: color == "green")


async def test_a_project_must_permit_a_remote_base(stage: Stage, forge: GitServer) -> None:
    Repo.open(forge.create("org/bases.git")).commit({"kustomization.yaml": "{}"}, "one")
    project = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "strict"}}
    project["spec"] = {"sourceRepos": [stage.repo.url], "destinations": [{"server": "*", "namespace": "*"}]}
    await stage.api.create(f"/apis/argoproj.io/v1alpha1/namespaces/{stage.namespace}/appprojects", project)
    await stage.commit({"shop/kustomization.yaml": f"resources: ['{forge.url('org/bases.git')}//']\n"})
    source = {"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main"}
    await stage.application("other", project="strict", source=source)
    status = await stage.deliver("other")
    assert "does not permit it" in status["conditions"][0]["message"]
    assert forge.count() == 0


async def test_charts_of_a_kustomization_and_values_by_url(stage: Stage, web: HelmServer) -> None:
    web.files["/values.yaml"] = b"color: green\n"
    chart = f"{{name: web, repo: '{web.repository}', version: 1.0.0, releaseName: my, namespace: {stage.namespace}}}"
    await stage.commit({"shop/kustomization.yaml": f"helmCharts: [{chart}]\n"})
    await stage.application(source={"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main"})
    status = await stage.deliver()
    assert "kustomize.buildOptions of the ConfigMap argocd-cm" in status["conditions"][0]["message"]
    await config(stage, kustomize_buildOptions="--enable-helm")
    status = await until(stage.settled, lambda status: "sourceType" in status)
    assert (status["sync"]["status"], status["sourceType"]) == ("Synced", "Kustomize")
    assert await data(stage) == {"color": "blue", "version": "1.0.0"}

    values = {"repoURL": web.repository, "chart": "web", "targetRevision": "1.0.0"}
    values["helm"] = {"valueFiles": [f"{web.url}/values.yaml"]}  # type: ignore[assignment]
    await stage.patch_application({"spec": {"source": {**values, "path": None}}})
    await stage.settled()
    assert (await data(stage))["color"] == "green"
