"""Sources that another controller is tested with: they render, and hold the objects that its tests look for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from tests.cases import CORPUS, corpus_cases
from tests.fake_tree import FakeTree
from tests.render.golden.case import STAMP
from todoke.model.application_sources import ApplicationSource
from todoke.model.renderings import Checkout, RenderContext, Rendering
from todoke.model.sources import spec_of
from todoke.render.renderer import Renderer, Unrendered
from todoke.render.worker import Workers, program

TESTDATA = CORPUS / "argo-e2e"
NAMES_OBJECTS = (
    "ResourceSyncStatusIs",
    "ResourceHealthIs",
    "ResourceSyncStatusWithNamespaceIs",
    "ResourceHealthWithNamespaceIs",
)
CHANGES_FILES = {"AddFile", "PatchFile", "DeleteFile", "Declarative"}
WANTED = {
    "TestHelmSetEnv": ("ConfigMap/my-map", "data", {"foo": "shop"}),
    "TestHelmSetStringEnv": ("ConfigMap/my-map", "data", {"foo": "shop"}),
    "TestKubeVersion": ("ConfigMap/my-map", "data", {"kubeVersion": "v999.999.999"}),
    "TestKustomizeReplicas2AppSource": ("Deployment/guestbook-ui", "spec", {"replicas": 2}),
}
"""What some options do, by the test that sets them: the object, its field, and what is in it."""


def _renders(case: dict[str, Any]) -> bool:
    """Whether a case's folder is there, needs no plugin and no registry, and is rendered as it lies there."""
    folder = TESTDATA / str(case["path"])
    done = {step.get("do") for step in case["steps"]}
    rendered = folder.is_dir() and case["path"] != "." and not (folder / "plugin.yaml").exists()
    return rendered and "dependencies" not in case["path"] and not CHANGES_FILES & done


def _lacks_dependencies(case: dict[str, Any]) -> bool:
    return "dependencies" in str(case["path"]) and (TESTDATA / case["path"]).is_dir()


@cache
def _tree() -> FakeTree:
    files = (file for file in sorted(TESTDATA.rglob("*")) if file.is_file() and "cases" not in file.parts)
    return FakeTree({str(file.relative_to(TESTDATA)): file.read_bytes() for file in files})


def _source(case: dict[str, Any]) -> ApplicationSource:
    """The source that a case's flags of the command line ask for; of two equal flags the later one counts."""
    source: dict[str, Any] = {"repoURL": "https://git.example.com/shop", "path": case["path"]}
    for flag, value in _flags(case):
        name, _, text = value.partition("=")
        match flag:
            case "--helm-set" | "--helm-set-string":
                parameter = {"name": name, "value": text, "forceString": flag == "--helm-set-string"}
                source["helm"] = {"parameters": [parameter]}
            case "--helm-kube-version":
                source["helm"] = {"kubeVersion": value}
            case "--helm-api-versions":
                source["helm"] = {"apiVersions": [value]}
            case "--kustomize-replica" if text:
                source["kustomize"] = {"replicas": [{"name": name, "count": text}]}
            case "--directory-include":
                source["directory"] = {"include": value}
            case "--directory-exclude":
                source["directory"] = {"exclude": value}
    return msgspec.convert(source, ApplicationSource)


def _flags(case: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for step in case["steps"]:
        if step.get("do") in ("AppSet", "CreateApp"):
            args = list(map(str, step.get("args") or []))
            yield from pairwise(args)


def _named(case: dict[str, Any]) -> set[str]:
    """The objects that a case looks for, as `Kind/name`."""
    expectations = [step["expect"] for step in case["steps"] if "expect" in step]
    found = [args for each in expectations for name, args in each.items() if name in NAMES_OBJECTS]
    return {f"{kind}/{name}" for kind, name, *_ in found}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def renderer() -> AsyncIterator[Renderer]:
    workers = Workers(program())
    yield Renderer(workers)
    await workers.close()


async def _rendered(case: dict[str, Any], renderer: Renderer) -> Rendering:
    checkout = Checkout(spec_of(_source(case)), _tree(), "0" * 40)
    return await renderer.render(checkout, RenderContext("shop", "shop"), STAMP)


@pytest.mark.asyncio(loop_scope="module")
@corpus_cases("argo-e2e/cases/*.yaml", _renders)
async def test_its_objects_are_there(case: dict[str, Any], renderer: Renderer) -> None:
    rendering = await _rendered(case, renderer)
    bodies = {f"{each.key.kind}/{each.key.name}": each.body for each in rendering.manifests}
    assert bodies
    assert _named(case) <= bodies.keys()
    if case["id"] in WANTED:
        name, field, wanted = WANTED[case["id"]]
        assert {key: bodies[name][field][key] for key in wanted} == wanted


@pytest.mark.asyncio(loop_scope="module")
@corpus_cases("argo-e2e/cases/*.yaml", _lacks_dependencies)
async def test_charts_whose_dependencies_are_elsewhere_name_them(case: dict[str, Any], renderer: Renderer) -> None:
    with pytest.raises(Unrendered) as caught:
        await _rendered(case, renderer)
    assert "its chart depends on helm" in str(caught.value)
