"""Charts of a Helm repository, and charts that depend on others, delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.cluster.stage import Stage
from tests.source.charts.servers import HelmServer, tgz

pytestmark = pytest.mark.anywhere

TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: NAME}
data: {color: {{ .Values.color }}, version: {{ .Chart.Version }}}
"""


def package(name: str, version: str, **files: str) -> bytes:
    """A chart whose ConfigMap bears its name."""
    content = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n",
        "values.yaml": "color: blue\n",
        "templates/all.yaml": TEMPLATE.replace("NAME", name),
        **files,
    }
    return tgz({f"{name}/{path}": text for path, text in content.items()})


@pytest.fixture
async def helm() -> AsyncIterator[HelmServer]:
    """A Helm repository with one chart in two versions."""
    server = HelmServer()
    await server.start()
    for version in ("1.0.0", "1.1.0"):
        server.publish("web", version, package("web", version))
    yield server
    await server.stop()


async def data(stage: Stage, name: str = "web") -> dict[str, str]:
    found: dict[str, str] = (await stage.live("ConfigMap", name))["data"]
    return found


async def test_a_chart_follows_its_range_of_versions(stage: Stage, helm: HelmServer) -> None:
    source = {"repoURL": helm.repository, "chart": "web", "targetRevision": "^1.0"}
    await stage.application(source=source)
    status = await stage.settled()
    assert (status["sync"]["status"], status["sync"]["revision"], status["sourceType"]) == ("Synced", "1.1.0", "Helm")
    assert await data(stage) == {"color": "blue", "version": "1.1.0"}
    assert status["history"][-1]["revision"] == "1.1.0"
    await stage.assert_quiet(("ConfigMap", "web"))

    helm.publish("web", "1.2.0", package("web", "1.2.0"))
    helm.publish("web", "2.0.0", package("web", "2.0.0"))
    await stage.patch_application({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})
    status = await stage.settled()
    assert status["sync"]["revision"] == "1.2.0"
    assert (await data(stage))["version"] == "1.2.0"


async def test_a_chart_takes_its_values_from_git(stage: Stage, helm: HelmServer) -> None:
    await stage.commit({"values/web.yaml": "color: green\n"})
    sources: list[dict[str, Any]] = [
        {
            "repoURL": helm.repository,
            "chart": "web",
            "targetRevision": "1.0.0",
            "helm": {"valueFiles": ["$settings/values/web.yaml"]},
        },
        {"repoURL": stage.repo.url, "targetRevision": "main", "ref": "settings"},
    ]
    await stage.application(source=None, sources=sources)
    status = await stage.settled()
    assert (status["sync"]["status"], status["sync"]["revisions"][0]) == ("Synced", "1.0.0")
    assert await data(stage) == {"color": "green", "version": "1.0.0"}
    await stage.commit({"values/web.yaml": "color: red\n"})
    await stage.settled()
    assert (await data(stage))["color"] == "red"


async def test_dependencies_are_fetched_and_their_repository_must_be_permitted(stage: Stage, helm: HelmServer) -> None:
    umbrella = (
        "apiVersion: v2\nname: umbrella\nversion: 1.0.0\n"
        f"dependencies: [{{name: web, version: 1.0.0, repository: {helm.repository}}}]\n"
    )
    await stage.commit({"shop/Chart.yaml": umbrella, "shop/values.yaml": "web: {color: orange}\n"})
    await stage.application(source={"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main"})
    status = await stage.settled()
    assert (status["sync"]["status"], status["conditions"]) == ("Synced", [])
    assert await data(stage) == {"color": "orange", "version": "1.0.0"}
    await stage.assert_quiet(("ConfigMap", "web"))

    project = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "strict"}}
    project["spec"] = {"sourceRepos": [stage.repo.url], "destinations": [{"server": "*", "namespace": "*"}]}
    await stage.api.create(f"/apis/argoproj.io/v1alpha1/namespaces/{stage.namespace}/appprojects", project)
    source = {"repoURL": stage.repo.url, "path": "other", "targetRevision": "main"}
    await stage.commit({"other/Chart.yaml": umbrella.replace("1.0.0", "1.1.0")})
    await stage.application("other", project="strict", source=source)
    status = await stage.deliver("other")
    assert "does not permit" in status["conditions"][0]["message"]


async def test_a_chart_that_is_not_there_is_told(stage: Stage, helm: HelmServer) -> None:
    await stage.application(source={"repoURL": helm.repository, "chart": "wep", "targetRevision": "*"})
    status = await stage.deliver()
    assert "wep" in status["conditions"][0]["message"]
    assert "web" in status["conditions"][0]["message"]
