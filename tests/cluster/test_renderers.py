"""Kustomize, Helm and Jsonnet delivered: what is in Git comes to the cluster, and only what changed is rendered."""

from typing import Any

import pytest

from tests.cluster.stage import Stage

pytestmark = pytest.mark.anywhere

BASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {color: blue}
"""
TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  color: {{ .Values.color }}
  kubernetes: {{ .Capabilities.KubeVersion.Version }}
  jobs: {{ .Capabilities.APIVersions.Has "batch/v1/Job" | quote }}
"""
CHART = {"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n", "values.yaml": "color: blue\n"}


def chart(folder: str, **files: str) -> dict[str, str]:
    """A chart's files."""
    content = {
        **CHART,
        "templates/web.yaml": TEMPLATE,
        **{name.replace("__", "/"): text for name, text in files.items()},
    }
    return {f"{folder}/{name}": text for name, text in content.items()}


async def data(stage: Stage, name: str = "web") -> dict[str, str]:
    found: dict[str, str] = (await stage.live("ConfigMap", name))["data"]
    return found


async def test_a_kustomization_is_delivered_and_a_change_of_its_base_too(stage: Stage) -> None:
    overlay = "resources: [../base]\nnamePrefix: my-\n"
    files = {
        "base/kustomization.yaml": "resources: [web.yaml]\n",
        "base/web.yaml": BASE,
        "shop/kustomization.yaml": overlay,
    }
    await stage.commit(files)
    source = {"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main", "kustomize": {"nameSuffix": "-1"}}
    await stage.application(source=source)
    status = await stage.settled()
    assert (status["sync"]["status"], status["sourceType"]) == ("Synced", "Kustomize")
    assert await data(stage, "my-web-1") == {"color": "blue"}

    sha = await stage.commit({"base/web.yaml": BASE.replace("blue", "red")})
    status = await stage.settled()
    assert status["sync"]["revision"] == sha
    assert await data(stage, "my-web-1") == {"color": "red"}
    await stage.assert_quiet(("ConfigMap", "my-web-1"))


async def test_a_chart_is_rendered_for_the_cluster_it_goes_to(stage: Stage) -> None:
    await stage.commit(chart("shop", **{"production.yaml": "color: red\n"}))
    helm: dict[str, Any] = {"releaseName": "web", "valueFiles": ["production.yaml"]}
    source = {"repoURL": stage.repo.url, "path": "shop", "targetRevision": "main", "helm": helm}
    await stage.application(source=source)
    status = await stage.settled()
    assert (status["sync"]["status"], status["sourceType"]) == ("Synced", "Helm")
    version, _ = await stage.cluster.capabilities()
    assert await data(stage) == {"color": "red", "kubernetes": f"v{version}", "jobs": "true"}


async def test_value_files_of_another_source_are_inputs(stage: Stage) -> None:
    await stage.commit({**chart("charts/shop"), "values/shop.yaml": "color: green\n"})
    here = {"repoURL": stage.repo.url, "targetRevision": "main"}
    helm = {"releaseName": "web", "valueFiles": ["$settings/values/shop.yaml"]}
    sources = [here | {"path": "charts/shop", "helm": helm}, here | {"ref": "settings"}]
    await stage.application(source=None, sources=sources)
    status = await stage.settled()
    assert (status["sync"]["status"], status["sourceTypes"]) == ("Synced", ["Helm", "Directory"])
    assert (await data(stage))["color"] == "green"

    await stage.commit({"values/shop.yaml": "color: red\n"})
    await stage.settled()
    assert (await data(stage))["color"] == "red"


async def test_what_cannot_be_rendered_is_told_and_leaves_the_cluster_alone(stage: Stage) -> None:
    await stage.commit(chart("shop"))
    await stage.application(source={"repoURL": stage.repo.url, "path": "shop", "helm": {"releaseName": "web"}})
    await stage.settled()
    before = await data(stage)
    await stage.commit({"shop/templates/web.yaml": TEMPLATE + '\n{{ fail "no colour today" }}\n'})
    status = await stage.deliver()
    (condition,) = status["conditions"]
    assert condition["type"] == "ComparisonError"
    assert "no colour today" in condition["message"]
    assert "shop/templates/web.yaml" in condition["message"]
    assert await data(stage) == before
    assert status["health"]["status"] == "Healthy"

    sha = await stage.commit({"shop/templates/web.yaml": TEMPLATE.replace("color:", "colour:")})
    status = await stage.settled()
    assert (status["sync"]["status"], status["sync"]["revision"]) == ("Synced", sha)
    assert (await data(stage))["colour"] == "blue"


async def test_a_commit_elsewhere_renders_nothing(stage: Stage) -> None:
    await stage.commit({**chart("shop"), "other/a.yaml": BASE.replace("name: web", "name: other")})
    await stage.application(source={"repoURL": stage.repo.url, "path": "shop", "helm": {"releaseName": "web"}})
    await stage.settled()
    rendered = stage.delivery.memories.of(stage.key()).rendered
    assert rendered is not None
    sha = await stage.commit({"other/a.yaml": BASE.replace("blue", "red")})
    status = await stage.settled()
    assert status["sync"]["revision"] == sha
    again = stage.delivery.memories.of(stage.key()).rendered
    assert again is not None
    assert again.manifests is rendered.manifests


async def test_jsonnet_knows_the_build_environment(stage: Stage) -> None:
    text = "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'web'}, data: {who: std.extVar('who')}}"
    await stage.commit({"shop/web.jsonnet": text})
    jsonnet = {"extVars": [{"name": "who", "value": "$ARGOCD_APP_NAME of $ARGOCD_APP_PROJECT_NAME"}]}
    await stage.application(source={"repoURL": stage.repo.url, "path": "shop", "directory": {"jsonnet": jsonnet}})
    status = await stage.settled()
    assert (status["sync"]["status"], status["sourceType"]) == ("Synced", "Directory")
    assert await data(stage) == {"who": "shop of default"}
