"""`todoke render`: a folder's manifests, as they would be delivered."""

from __future__ import annotations

import yaml

from tests.review.conftest import Project, application, config_map
from tests.review.test_diff import CHART, KUSTOMIZATION


def test_the_tool_is_found_out(project: Project) -> None:
    project.commit({**CHART, **KUSTOMIZATION, "plain/a.yaml": config_map("a")})
    assert project.run("render", "plain", "-o", "name").output == "configmap/a\n"
    assert project.run("render", "charts/shop", "-o", "name").output == "secret/shop\nconfigmap/shop-fixed\n"
    shown = [*yaml.safe_load_all(project.run("render", "overlays/production").output)]
    assert {(body["metadata"]["name"], body["metadata"]["namespace"]) for body in shown} == {
        ("web", "production"), ("conf-h29d89cmmt", "production"),
    }  # fmt: skip


def test_what_a_chart_is_told(project: Project) -> None:
    project.commit(CHART)
    project.write({"charts/shop/red.yaml": "colour: red\n"})
    words = ("render", "charts/shop", "--name", "mine", "--values", "red.yaml", "--set", "extra=1")
    secret = next(yaml.safe_load_all(project.run(*words).output))
    assert (secret["metadata"]["name"], secret["data"]["colour"]) == ("mine", "cmVk")


def test_the_applications_in_a_file(project: Project) -> None:
    elsewhere = application("redis", "x", source={"repoURL": "https://charts.example.com", "chart": "redis"})
    project.commit({"apps.yaml": application("shop", "app") + elsewhere, "app/a.yaml": config_map("a")})
    result = project.run("render", "apps.yaml", "-o", "name")
    assert result.stdout == "configmap/a\n"
    assert "warning: Application/redis is not rendered" in result.stderr


def test_mistakes_are_told(project: Project) -> None:
    project.commit({"a.yaml": config_map("a"), "bad/b.yaml": "kind: ConfigMap\nmetadata: {name: a}\napiVersion: [\n"})
    assert "holds no Application" in project.run("render", "a.yaml").output
    result = project.run("render", "bad")
    assert (result.exit_code, "b.yaml, line 4" in result.output) == (1, True)
    (project.folder / "out").symlink_to("/etc")
    assert "nowhere: is not there" in project.run("render", "nowhere").output
