"""Plugins that another controller is tested with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cases import CORPUS, corpus_cases, load
from tests.fake_tree import FakeTree
from tests.render.plugins.kitchen import Kitchen, ProgramTree
from todoke.render.plugins.definition import Plugin, plugin_of

TESTDATA = CORPUS / "argo-e2e"
REFUSED = {
    "cmp-gitcreds": "spec.provideGitCreds: plugins are given no credentials by this version. Set it to false",
    "cmp-gitcredstemplate": "spec.provideGitCreds: plugins are given no credentials by this version. Set it to false",
    "cmp-preserve-file-mode": "spec.discovery: there is no such field (did you mean discover?)",
}
"""What our stricter reading says; the field is set right then."""
BLOCKS = {
    "TestCMPDiscoverWithPluginName": {"name": "cmp-find-glob-v1.0"},
    "TestPreserveFileModeForCMP": {"name": "cmp-preserve-file-mode-v1.0"},
}
"""The plugin block of those cases whose Application is made by code."""
SCRIPT = "#!/bin/sh\necho '{apiVersion: v1, kind: ConfigMap, metadata: {name: by-script}}'\n"
WANTED = {
    "TestCMPDiscoverWithPluginName": ["Deployment/guestbook-ui", "Service/guestbook-ui"],
    "TestPreserveFileModeForCMP": ["ConfigMap/by-script"],
}


def _needs_a_plugin(case: dict[str, Any]) -> bool:
    return any(step.get("do") == "RunningCMPServer" for step in case["steps"])


def _plugin(case: dict[str, Any]) -> Plugin:
    folder = next(step["args"][0] for step in case["steps"] if step.get("do") == "RunningCMPServer")
    name = Path(folder).name
    body = load((TESTDATA / name / "plugin.yaml").read_text())
    if name in REFUSED:
        assert plugin_of(body) == [REFUSED[name]]
        body["spec"].pop("discovery", None)
        body["spec"]["provideGitCreds"] = False
    if name == "cmp-find-glob":  # there is no kustomize beside these tests
        body["spec"].pop("init")
        body["spec"]["generate"]["command"][-1] = "for file in guestbook-ui-*.yaml; do echo ---; cat $file; done"
    found = plugin_of(body)
    assert isinstance(found, Plugin), found
    return found


@corpus_cases("argo-e2e/cases/*.yaml", _needs_a_plugin)
async def test_its_plugin_renders_it(case: dict[str, Any], tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", _plugin(case))
    files = {str(file.relative_to(TESTDATA)): file.read_text() for file in (TESTDATA / case["path"]).rglob("*.yaml")}
    tree = ProgramTree({**files, "cmp-preserve-file-mode/script.sh": SCRIPT})
    rendering = await kitchen.render(tree, path=case["path"], plugin=BLOCKS.get(case["id"]))
    assert rendering.tool == "Plugin"
    if case["id"] in WANTED:
        assert [f"{each.key.kind}/{each.key.name}" for each in rendering.manifests] == WANTED[case["id"]]
        return
    (manifest,) = rendering.manifests
    assert (manifest.key.name, manifest.key.namespace) == ("shop", "shop-space")
    told = {"GitAskpass": "", "GitUsername": "", "GitPassword": ""}
    told |= {"KubeVersion": "1.33.0", "KubeApiVersion": "v1,apps/v1", "Bar": "baz"}
    annotations = manifest.body["metadata"]["annotations"]
    assert annotations.items() <= told.items() | {item for item in annotations.items() if "/" in item[0]}


@pytest.mark.skipif(not TESTDATA.is_dir(), reason="the corpus is not beside this checkout (../shared/corpus)")
@pytest.mark.parametrize("name", ["cmp-find-command", "cmp-find-glob", "cmp-kustomize"])
def test_its_definitions_are_read_as_they_are(name: str):
    found = plugin_of(load((TESTDATA / name / "plugin.yaml").read_text()))
    assert isinstance(found, Plugin)
    assert found.name == f"{name}-v1.0"


async def test_a_folder_without_what_it_looks_for_is_not_its_own(tmp_path: Path):
    body = load((TESTDATA / "cmp-find-command" / "plugin.yaml").read_text()) if TESTDATA.is_dir() else None
    if body is None:
        pytest.skip("the corpus is not beside this checkout (../shared/corpus)")
    found = plugin_of(body)
    assert isinstance(found, Plugin)
    tree = FakeTree({"app/other.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}}"})
    rendering = await Kitchen(tmp_path / "runs", found).render(tree, plugin=None)
    assert (rendering.tool, [each.key.name for each in rendering.manifests]) == ("Directory", ["plain"])
