"""`todoke diff --kubeconfig`: what merging would really change, held against a cluster that has lived on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.stage import Stage, config_map, deployment
from tests.review.conftest import Project

pytestmark = pytest.mark.anywhere


@pytest.fixture
async def project(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A clone of the stage's repository, in which commands run; its Application is in it."""
    made = Project(tmp_path / "clone")
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("TODOKE_STATE_FOLDER", str(tmp_path / "cli"))
    files = {"shop/web.yaml": deployment(replicas=2), "shop/conf.yaml": config_map("conf", colour="blue", size="big")}
    await stage.commit(files)
    await stage.application()
    status = await stage.settled()
    assert status["sync"]["status"] == "Synced", status
    application = (await stage.api.get(stage.application_path())) | {"status": None}
    application["metadata"] = {"name": "shop"}
    made.commit({"apps.yaml": json.dumps(application)} | {name: json.dumps(body) for name, body in files.items()})
    return made


async def diff(stage: Stage, project: Project, *words: str) -> Any:
    """What the program says, as JSON."""
    flags = ("--kubeconfig", str(stage.kubeconfig), "-n", stage.namespace, "--repo-url", stage.repo.url)
    return await asyncio.to_thread(project.diff, *flags, *words)


def told(review: Any) -> list[tuple[str, str, str, list[list[Any]]]]:
    (unit,) = review["applications"]
    return [
        (each["cause"], each["action"], each["kind"], [[f["at"], f["have"], f["want"]] for f in each["fields"]])
        for each in unit["live"]["changes"]
    ]


async def test_nothing_is_said_of_a_cluster_that_is_as_git_says(stage: Stage, project: Project) -> None:
    review = await diff(stage, project)
    assert (review["differs"], told(review)) == (False, [])
    result = await asyncio.to_thread(
        project.run, "diff", "--kubeconfig", str(stage.kubeconfig), "-n", stage.namespace, "--repo-url", stage.repo.url
    )
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        ["Nothing changes in 1 application.", "In the cluster: all is as Git says, and merging changes nothing."],
    )


async def test_what_the_branch_causes_is_told_from_what_has_drifted(stage: Stage, project: Project) -> None:
    await stage.change("Deployment", {"spec": {"replicas": 5}})
    await stage.change("ConfigMap", {"data": {"colour": "green"}}, name="conf")
    project.write(
        {
            "shop/conf.yaml": json.dumps(config_map("conf", colour="green")),
            "shop/new.yaml": json.dumps(config_map("new", a="1")),
        }
    )
    review = await diff(stage, project)
    assert review["differs"] is True
    assert sorted(told(review)) == [
        ("branch", "create", "ConfigMap", []),
        ("branch", "update", "ConfigMap", [[".data.size", "big", "<absent>"]]),
        ("drift", "update", "Deployment", [[".spec.replicas", 5, 2]]),
        ("settled", "update", "ConfigMap", [[".data.colour", "green", "blue"]]),
    ]
    live = await stage.live("ConfigMap", "conf")
    assert live["data"] == {"colour": "green", "size": "big"}


async def test_drift_alone_is_a_difference_that_the_text_names(stage: Stage, project: Project) -> None:
    await stage.change("Deployment", {"spec": {"replicas": 5}})
    flags = ("--kubeconfig", str(stage.kubeconfig), "-n", stage.namespace, "--repo-url", stage.repo.url)
    result = await asyncio.to_thread(project.run, "diff", *flags)
    assert result.exit_code == 1
    assert "drift: Deployment/" in result.stdout
    assert ".spec.replicas: 5 → 2" in result.stdout
    assert "In the cluster: objects 1 drifted." in result.stdout
    markdown = await asyncio.to_thread(project.run, "diff", *flags, "-o", "markdown")
    assert "shop</b>: unchanged</summary>" in markdown.stdout
    assert "* drift: Deployment/" in markdown.stdout


async def test_an_application_that_the_cluster_does_not_have_yet(stage: Stage, project: Project) -> None:
    text = (project.folder / "apps.yaml").read_text().replace('"name": "shop"', '"name": "other"', 1)
    project.write(
        {"more/apps.yaml": text.replace('"path": "shop"', '"path": "other"'), "other/a.yaml": json.dumps(config_map())}
    )
    review = await diff(stage, project, "other")
    (unit,) = review["applications"]
    assert unit["live"]["note"] == "the Application is not in the cluster yet"
    assert [(c["cause"], c["action"], c["name"]) for c in unit["live"]["changes"]] == [("branch", "create", "web")]


async def test_what_is_rendered_there_by_options_of_its_own_is_so_here(stage: Stage, project: Project) -> None:
    options = {"kustomize.buildOptions": "--load-restrictor LoadRestrictionsNone"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": options}
    await stage.api.create(f"/api/v1/namespaces/{stage.namespace}/configmaps", config)
    project.write({
        "shop/kustomization.yaml": "resources: [web.yaml, conf.yaml, ../elsewhere/new.yaml]\n",
        "elsewhere/new.yaml": json.dumps(config_map("new")),
    })  # fmt: skip
    assert ("branch", "create", "ConfigMap", []) in told(await diff(stage, project))


async def test_a_cluster_that_does_not_answer_is_said(stage: Stage, project: Project) -> None:
    result = await asyncio.to_thread(project.run, "diff", "--kubeconfig", "/nope")
    assert result.exit_code == 2
    assert "no file at /nope" in result.output
    result = await asyncio.to_thread(project.run, "diff", "-n", "elsewhere")
    assert (result.exit_code, "with --kubeconfig or --context only" in result.output) == (2, True)
