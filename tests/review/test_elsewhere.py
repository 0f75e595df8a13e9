"""`todoke diff` and `todoke render` of what names things elsewhere: fetched without a login, or said to be left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.conftest import Workshop
from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.review.conftest import Project, config_map
from todoke.cli.app import root

pytestmark = pytest.mark.slow


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitServer]:
    """A Git server with a base in it."""
    (tmp_path / "forge").mkdir()
    with GitServer(tmp_path / "forge") as server:
        far = Repo.open(server.create("org/bases.git"))
        far.commit({"base/kustomization.yaml": "resources: [a.yaml]\n", "base/a.yaml": config_map("far")}, "one")
        yield server


def run(*words: str, networks: str = "127.0.0.0/8") -> Result:
    workshop = Workshop()
    workshop.environment["TODOKE_PRIVATE_NETWORKS"] = networks
    return CliRunner().invoke(root, words, obj=workshop.doors(), catch_exceptions=False)


def kustomization(forge: GitServer, *lines: str) -> str:
    return "".join([f"resources: ['{forge.url('org/bases.git')}//base']\n", *lines])


def test_a_remote_base_is_fetched(project: Project, forge: GitServer) -> None:
    project.commit({"app/kustomization.yaml": kustomization(forge)})
    assert run("render", "app", "-o", "name").output == "configmap/far\n"
    project.write({"app/kustomization.yaml": kustomization(forge, "namePrefix: my-\n")})
    result = run("diff", "--base", "main")
    assert result.exit_code == 1, result.output
    assert "ConfigMap/my-far" in result.output


def test_offline_it_is_said_what_is_left_out(project: Project, forge: GitServer) -> None:
    project.commit({"app/kustomization.yaml": kustomization(forge)})
    result = run("render", "app", "--offline")
    assert (result.exit_code, forge.count()) == (1, 0)
    assert "not fetched offline" in result.output
    result = run("diff", "--base", "main", "--offline")
    assert (result.exit_code, forge.count()) == (2, 0)
    assert "not fetched offline" in result.output


def test_a_private_address_is_refused_on_a_person_s_machine_too(project: Project, forge: GitServer) -> None:
    project.commit({"app/kustomization.yaml": kustomization(forge)})
    result = run("render", "app", networks="")
    assert (result.exit_code, forge.count()) == (1, 0)
    assert "TODOKE_PRIVATE_NETWORKS" in result.output


def test_a_silent_server_is_told_and_the_others_go_on(project: Project, forge: GitServer) -> None:
    files = {"app/kustomization.yaml": kustomization(forge), "near/kustomization.yaml": "resources: [a.yaml]\n"}
    project.commit({**files, "near/a.yaml": config_map("near")})
    project.write({"near/a.yaml": config_map("other")})
    forge.fail_with = 503
    result = run("diff", "--base", "main")
    assert result.exit_code == 2
    assert "ConfigMap/other" in result.output
    assert "Remote base" in result.output


def test_options_of_kustomize_are_taken(project: Project) -> None:
    chart = {
        "app/charts/far/Chart.yaml": "{apiVersion: v2, name: far, version: 1.0.0}",
        "app/charts/far/values.yaml": "{}",
        "app/charts/far/templates/a.yaml": config_map("inflated"),
    }
    project.commit({"app/kustomization.yaml": "helmCharts: [{name: far, releaseName: x}]\n", **chart})
    assert "--kustomize-options" in run("render", "app").output
    result = run("render", "app", "--kustomize-options", "--enable-helm", "-o", "name")
    assert result.output == "configmap/inflated\n"
    result = run("diff", "--base", "main", "--kustomize-options=--enable-helm")
    assert result.exit_code == 0, result.output
    assert "--network is not honoured" in run("render", "app", "--kustomize-options", "--network").output
