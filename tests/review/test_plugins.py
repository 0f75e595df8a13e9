"""`todoke render` and `todoke diff` run plugins only where their folder is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.conftest import Project, application

PLUGIN = """
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: cook}
spec:
  generate:
    command: [sh, -c, 'echo "{apiVersion: v1, kind: ConfigMap, metadata: {name: dish}, data: {color: $(cat color)}}"']
  discover: {fileName: color}
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    place = tmp_path / "plugins"
    place.mkdir()
    (place / "cook.yaml").write_text(PLUGIN)
    return str(place)


def test_render(project: Project, folder: str) -> None:
    project.commit({"app/color": "blue", "apps.yaml": application("shop", "app", source={"plugin": {"name": "cook"}})})
    assert project.run("render", "app", "-o", "name").output == ""
    assert project.run("render", "app", "-o", "name", "--plugins-folder", folder).output == "configmap/dish\n"
    assert project.run("render", "apps.yaml", "-o", "name", "--plugins-folder", folder).output == "configmap/dish\n"
    result = project.run("render", "apps.yaml")
    assert result.exit_code == 1
    assert "spec.source.plugin.name: there is no plugin cook (there are none)" in result.output
    assert "--plugins-folder (TODOKE_PLUGINS_FOLDER)" in result.output


def test_diff(project: Project, folder: str) -> None:
    project.commit({"app/color": "blue", "apps.yaml": application("shop", "app", source={"plugin": {"name": "cook"}})})
    words = ("--base", "HEAD", "--plugins-folder", folder)
    assert project.changes(*words) == {}
    project.write({"app/color": "red"})
    assert project.changes(*words) == {"shop": ["changed", "changed ConfigMap/dish"]}
    (unit,) = project.diff("--base", "HEAD", code=2)["applications"]
    assert unit["verdict"] == "not rendered"
    assert "there is no plugin cook" in unit["problems"][0]


def test_a_bad_folder_is_told(project: Project, folder: str) -> None:
    project.commit({"app/color": "blue"})
    (Path(folder) / "cook.yaml").write_text(PLUGIN.replace("fileName", "filename"))
    result = project.run("render", "app", "--plugins-folder", folder)
    assert result.exit_code == 1
    assert "cook.yaml spec.discover.filename: there is no such field (did you mean fileName?)" in result.output
