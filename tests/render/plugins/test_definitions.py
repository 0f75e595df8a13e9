"""plugin.yaml: read strictly, and all that is wrong is said at once."""

from pathlib import Path
from typing import Any

import pytest

from tests.cases import load
from todoke.model.errors import Blocked
from todoke.render.plugins import read_plugins
from todoke.render.plugins.definition import Plugin, plugin_of

FULL = """
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: cook
  annotations: {todoke.dev/network: "true", team: kitchen}
spec:
  version: v1.0
  init: {command: [sh], args: [-c, 'echo "Initializing..."']}
  generate: {command: [sh, -c], args: [cook]}
  discover:
    fileName: "./subdir/s*.yaml"
    find:
      glob: "**/{Chart,Cook}.yaml"
      command: [sh, -c, find . -name env.yaml]
  parameters:
    static:
      - {name: a, title: A, tooltip: "A!", required: false, itemType: "", collectionType: "", string: x}
      - {name: b, array: [x, y], collectionType: array}
      - {name: c, map: {some: value}, collectionType: map}
    dynamic: {command: [echo, "[]"]}
  preserveFileMode: true
  provideGitCreds: false
  lockRepo: true
"""
SMALL = """
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: NAME}
spec: {generate: {command: [x]}}
"""


def test_all_fields():
    found = plugin_of(load(FULL))
    assert isinstance(found, Plugin)
    assert found.name == "cook-v1.0"
    assert found.init == ("sh", "-c", 'echo "Initializing..."')
    assert found.generate == ("sh", "-c", "cook")
    assert (found.file_name, found.find_glob) == ("./subdir/s*.yaml", "**/{Chart,Cook}.yaml")
    assert found.find_command == ("sh", "-c", "find . -name env.yaml")
    assert (found.keeps_modes, found.network, found.discovers) == (True, True, True)


def test_the_fewest_fields():
    found = plugin_of(load(SMALL))
    assert isinstance(found, Plugin)
    assert (found.name, found.generate, found.init) == ("NAME", ("x",), ())
    assert (found.keeps_modes, found.network, found.discovers) == (False, False, False)


def test_another_definition_is_another_digest():
    one, other = plugin_of(load(FULL)), plugin_of(load(FULL.replace("cook]", "bake]")))
    assert isinstance(one, Plugin)
    assert isinstance(other, Plugin)
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (("kind: Config", "kind: Confit"), ['kind: expected ConfigManagementPlugin, got "ConfitManagementPlugin"']),
        (("v1alpha1", "v1"), ['apiVersion: expected argoproj.io/v1alpha1, got "argoproj.io/v1"']),
        (("  name: cook\n", ""), ["metadata.name: is empty"]),
        (("name: cook", "name: cook book"), ["metadata.name: holds a blank or a slash"]),
        (("version: v1.0", "version: 1.0"), ["spec.version: expected text, got 1.0, put it into quotes"]),
        (("version: v1.0", "version: a/b"), ["spec.version: holds a blank or a slash"]),
        (("preserveFileMode: true", 'preserveFileMode: "true"'), ["spec.preserveFileMode: expected true or false"]),
        (("discover:", "discovery:"), ["spec.discovery: there is no such field (did you mean discover?)"]),
        (("generate: {command: [sh, -c]", "generate: {command: []"), ["spec.generate.command: it names no program"]),
        (("init: {command: [sh]", "init: {command: []"), ["spec.init.command: it names no program"]),
        (("command: [sh, -c]", "command: sh -c"), ["spec.generate.command: expected a list, got"]),
        (("command: [sh, -c]", "command: [sh, 1]"), ["spec.generate.command[1]: expected text, got 1"]),
        (("command: [sh, -c]", "command: [sh, null]"), ["spec.generate.command[1]: is empty"]),
        (
            ("provideGitCreds: false", "provideGitCreds: true"),
            ["spec.provideGitCreds: plugins are given no credentials"],
        ),
        (('"true", team', "yes-please, team"), ["metadata.annotations[todoke.dev/network]: expected true or false"]),
        (('"true", team', "true, team"), ["metadata.annotations.todoke.dev/network: expected text, got true"]),
        (("./subdir/s*", "./subdir/s[*"), ["spec.discover.fileName: is not a glob"]),
        (("./subdir/s*", "../s*"), ["spec.discover.fileName: leads out of the source's folder"]),
        (("{Chart,Cook}", "{Chart,Cook"), ["spec.discover.find.glob: is not a glob"]),
        (("name: b, array", "name: a, array"), ["spec.parameters.static[1].name: a is there twice"]),
        (
            ("collectionType: array", "collectionType: list"),
            ["spec.parameters.static[1].collectionType: expected string, array or map"],
        ),
        (
            ("collectionType: map", "collectionType: array"),
            ["spec.parameters.static[2].map: its collectionType is array"],
        ),
        (
            ("dynamic: {command: [echo", "dynamic: {commands: [echo"),
            ["spec.parameters.dynamic.commands: there is no such field"],
        ),
    ],
)
def test_what_is_wrong_is_named(change: tuple[str, str], problems: list[str]):
    assert change[0] in FULL
    found = plugin_of(load(FULL.replace(*change)))
    assert isinstance(found, list)
    assert len(found) == len(problems)
    for told, wanted in zip(found, problems, strict=True):
        assert told.startswith(wanted)


@pytest.mark.parametrize(("body", "told"), [(None, "nothing"), ([], "a list"), ("x", '"x"')])
def test_what_is_no_map(body: Any, told: str):
    assert plugin_of(body) == [f"expected a map, got {told}"]


# The folder


def test_files_and_folders_of_the_folder_are_plugins(tmp_path: Path):
    (tmp_path / "b.yaml").write_text(SMALL.replace("NAME", "b"))
    for name in ("a", "..data", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "plugin.yaml").write_text(SMALL.replace("NAME", "a"))
    (tmp_path / "..data" / "plugin.yaml").write_text("nothing that is looked at")
    (tmp_path / "c.yaml").symlink_to(tmp_path / "..data" / "c.yaml")
    (tmp_path / "..data" / "c.yaml").write_text(SMALL.replace("NAME", "c"))
    (tmp_path / "README.md").write_text("# Plugins")
    assert [plugin.name for plugin in read_plugins(tmp_path)] == ["a", "b", "c"]


def test_all_files_that_are_wrong_are_named(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text(SMALL)
    (tmp_path / "c.yaml").write_text("spec: [")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "plugin.yaml").write_text("spec: {generate: {}, fetch: {}}")
    with pytest.raises(Blocked) as caught:
        read_plugins(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"--plugins-folder {tmp_path}: b.yaml metadata.name: NAME is defined by a.yaml too; ")
    assert "; c.yaml line 2: " in text
    assert "d/plugin.yaml spec.fetch: there is no such field" in text


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(Blocked, match=r"/none: cannot be read: No such file or directory\. Name the folder"):
        read_plugins(tmp_path / "none")
