"""What a plugin makes is delivered, by the program as it is installed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.program import Desk, Program
from tests.cluster.stage import install_kinds
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere

PLUGIN = """
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: cook}
spec:
  version: v1
  init: {command: [cp, color, made]}
  generate:
    command: [sh, -c]
    args:
      - |
        test "$(cat made)" != burnt || { echo "no, $ARGOCD_ENV_CHEF: it is burnt" >&2; exit 1; }
        echo '{apiVersion: v1, kind: ConfigMap, metadata: {name: web}, data: {'
        echo ' color: '$(cat made)', chef: '$PARAM_CHEF', serving: '$(cat /proc/sys/kernel/random/uuid)'}}'
  discover: {fileName: color}
"""


async def test_a_plugin_delivers(plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path):
    await install_kinds(client)
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "cook.yaml").write_text(PLUGIN)
    repo, desk = Repo.create(tmp_path / "manifests.git"), Desk(client, namespace)
    first = repo.commit({"shop/color": "blue\n"}, "first")
    block = {"env": [{"name": "CHEF", "value": "hana-the-chef"}], "parameters": [{"name": "chef", "string": "hana"}]}
    source = {"repoURL": repo.url, "path": "shop", "targetRevision": "main", "plugin": block}

    async def live() -> dict[str, Any]:
        return (await client.get(f"/api/v1/namespaces/{namespace}/configmaps/web"))["data"]

    async with Program(tmp_path, namespace, plane.kubeconfig_path, plugins_folder=plugins) as program:
        assert any(line.startswith("INFO plugins") for line in program.lines), program.lines
        await desk.create(repo.url, source=source)
        status = await desk.synced(first)
        assert status["sourceType"] == "Plugin"
        assert not status.get("conditions")
        data = await live()
        assert (data["color"], data["chef"]) == ("blue", "hana")

        await desk.refreshed()
        assert await live() == data  # nothing is cooked twice
        await desk.patch({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}})
        await until(live, lambda now: now["serving"] != data["serving"])

        repo.commit({"shop/color": "burnt\n"}, "burnt")
        condition = await desk.condition("plugin cook-v1: generate ended with status 1 and said: no, ***: it is burnt")
        assert condition["type"] == "ComparisonError"
        second = repo.commit({"shop/color": "red\n"}, "second")
        await desk.synced(second)
        assert (await live())["color"] == "red"

        await desk.patch({"spec": {"source": {"plugin": {"name": "cook"}}}})
        words = ("spec.source.plugin.name: there is no plugin cook (there are: cook-v1)", "Correct the name")
        assert (await desk.condition(*words))["type"] == "ComparisonError"
    assert [*(tmp_path / "state" / "mirrors-plugins").iterdir()] == []


async def test_a_bad_plugin_keeps_the_program_from_starting(plane: ControlPlane, namespace: str, tmp_path: Path):
    (tmp_path / "cook.yaml").write_text(PLUGIN.replace("discover:", "discovery:"))
    program = Program(tmp_path, namespace, plane.kubeconfig_path, plugins_folder=tmp_path)
    with pytest.raises(AssertionError):
        await program.start()
    words = f"--plugins-folder {tmp_path}: cook.yaml spec.discovery: there is no such field"
    await until(lambda: asyncio.sleep(0, program.lines), lambda lines: any(words in line for line in lines))
