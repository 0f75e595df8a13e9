"""Which plugin is chosen, and what the choice and the output depend on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fake_tree import FakeTree
from tests.render.plugins.kitchen import CONTEXT, REVISION, STAMP, Kitchen, plugin, source
from todoke.model.renderings import Checkout, RenderContext
from todoke.model.trees import Look
from todoke.render.anchors import anchors
from todoke.render.cache import CachedRenderer
from todoke.render.plugins import Plugins
from todoke.render.renderer import Renderer, Unrendered
from todoke.render.worker import Workers

pytestmark = pytest.mark.slow

ECHO = "{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}}"
FILES = {
    "app/a.yaml": ECHO.replace("NAME", "plain"),
    "app/sub/deep/x.cook": "",
    "app/sub/special.yaml": ECHO.replace("NAME", "special"),
    "other/env.yaml": "",
}


def echo(name: str, **spec: Any) -> Any:
    """A plugin that prints one object with its own name."""
    return plugin(name, generate={"command": ["echo", ECHO.replace("NAME", name)]}, **spec)


RULES = {
    "a file": ({"fileName": "a.yaml"}, True),
    "a file with a dot before it": ({"fileName": "./a.*"}, True),
    "a file of a folder": ({"fileName": "sub/s*.yaml"}, True),
    "a name is no tree": ({"fileName": "**/x.cook"}, False),
    "a folder": ({"fileName": "sub"}, True),
    "files elsewhere": ({"fileName": "env.yaml"}, False),
    "a glob through folders": ({"find": {"glob": "**/*.cook"}}, True),
    "a glob in the folder itself": ({"find": {"glob": "**/a.yaml"}}, True),
    "a glob that stays in its folder": ({"find": {"glob": "*.cook"}}, False),
    "a glob with alternatives": ({"find": {"glob": "sub/{shallow,deep}/*"}}, True),
    "the first rule counts": ({"fileName": "none", "find": {"glob": "**"}}, False),
    "a command that prints": ({"find": {"command": ["find", "."], "args": ["-name", "x.cook"]}}, True),
    "a command that prints nothing": ({"find": {"command": ["find", ".", "-name", "env.yaml"]}}, False),
    "a command that prints blanks": ({"find": {"command": ["echo", " "]}}, False),
    "a command that fails": ({"find": {"command": ["sh", "-c", "echo yes; exit 1"]}}, False),
    "a command that knows the application": ({"find": {"command": ["sh", "-c", 'echo "$ARGOCD_ENV_COOKED"']}}, True),
}


@pytest.mark.parametrize("rule", RULES)
async def test_rules(tmp_path: Path, rule: str):
    discover, matches = RULES[rule]
    kitchen = Kitchen(tmp_path / "runs", echo("cook", discover=discover))
    block = {"env": [{"name": "COOKED", "value": "yes"}]}
    if not matches:
        with pytest.raises(Unrendered, match=r"no plugin says that this folder is its own \(there are: cook\)"):
            await kitchen.render(FILES, plugin=block)
        with pytest.raises(Unrendered, match="the plugin cook says that this folder is not its own"):
            await kitchen.render(FILES, plugin={"name": "cook", **block})
        return
    assert await names(kitchen, FILES, plugin=block) == ["cook"]
    assert await names(kitchen, FILES, plugin={"name": "cook", **block}) == ["cook"]


async def names(kitchen: Kitchen, files: Mapping[str, str], **fields: Any) -> list[str]:
    return [manifest.key.name for manifest in (await kitchen.render(files, **fields)).manifests]


CHART = {"app/Chart.yaml": "name: x", "app/kustomization.yaml": "", **FILES}
CHOICES = {
    "before charts and kustomizations": (None, {}, "b"),
    "by name": ("c-v1", {}, "c-v1"),
    "by a name without a rule": ("silent", {}, "silent"),
    "not beside a block": (None, {"directory": {}}, "plain"),
}


@pytest.mark.parametrize("choice", CHOICES)
async def test_choices(tmp_path: Path, choice: str):
    name, fields, wanted = CHOICES[choice]
    rule = {"fileName": "a.yaml"}
    versioned = plugin("c", version="v1", generate={"command": ["echo", ECHO.replace("NAME", "c-v1")]}, discover=rule)
    all_of_them = (echo("silent"), versioned, echo("b", discover=rule), echo("a", discover={"fileName": "none"}))
    ordered = sorted(all_of_them, key=lambda each: each.name)
    kitchen = Kitchen(tmp_path / "runs", *ordered)
    files = FILES if fields else CHART
    assert wanted in await names(kitchen, files, plugin={"name": name} if name else None, **fields)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("c", r"spec\.source\.plugin\.name: there is no plugin c \(there are: a, c-v1\)\. Correct the name"),
        ("", r"spec\.source\.plugin: no plugin says that this folder is its own \(there are: a, c-v1\)"),
    ],
)
async def test_what_is_not_there_is_told_with_what_is(tmp_path: Path, name: str, words: str):
    kitchen = Kitchen(tmp_path / "runs", echo("a"), echo("c", version="v1"))
    with pytest.raises(Unrendered, match=words):
        await kitchen.render(FILES, plugin={"name": name})


async def test_without_any_plugins_the_setting_is_named():
    checkout = Checkout(source(plugin={"name": "cook"}), FakeTree(FILES), REVISION)
    words = (
        r"there is no plugin cook \(there are none\)\. Name the folder .* --plugins-folder \(TODOKE_PLUGINS_FOLDER\)"
    )
    with pytest.raises(Unrendered, match=words):
        await Renderer(Workers(None)).render(checkout, CONTEXT, STAMP)


async def test_a_rule_that_cannot_be_asked_is_no_answer(tmp_path: Path):
    """Nothing else is rendered in its place: that would delete what the plugin made."""
    kitchen = Kitchen(tmp_path / "runs", echo("cook", discover={"find": {"command": ["no-such-program"]}}))
    with pytest.raises(Unrendered, match=r"plugin cook: discover\.find no-such-program is not there"):
        await kitchen.render(FILES, plugin=None)


async def test_an_override_file_may_name_the_plugin(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", echo("cook"))
    files = {**FILES, "app/.argocd-source.yaml": "plugin: {name: cook}"}
    assert await names(kitchen, files, plugin=None) == ["cook"]


async def test_a_folder_that_is_not_there_is_told_first(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", echo("cook", discover={"fileName": "*"}))
    for block in (None, {"name": "cook"}):
        with pytest.raises(Unrendered, match='no such folder "ap"'):
            await kitchen.render(FILES, plugin=block, path="ap")


# Keys


async def test_the_key_is_of_all_files_and_of_the_environment(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", echo("cook"))
    rendering = await kitchen.render(FILES)
    assert Look("", "whole", FakeTree(FILES).root.id) in rendering.looks

    async def key(files: Mapping[str, str], revision: str = REVISION, context: RenderContext = CONTEXT) -> str:
        checkout = Checkout(source(plugin={"name": "cook"}), FakeTree(files), revision)
        fixed = await kitchen.renderer.key(checkout, context, rendering.anchors)
        return fixed + await kitchen.renderer.key(checkout, context, rendering.looks)

    same = await key(FILES)
    assert await key(dict(FILES)) == same
    assert await key({**FILES, "elsewhere/x": ""}) != same
    assert await key(FILES, "f" * 40) != same
    assert await key(FILES, context=RenderContext("shop", "shop-space", "green", "1.34.0")) != same
    assert anchors(Checkout(source(), FakeTree(FILES), REVISION), rendering.looks)


async def test_another_set_of_plugins_is_another_key_for_all():
    checkout, looks = Checkout(source(), FakeTree(FILES), REVISION), (Look("app", "list", ""),)
    sets = [(), (echo("a"),), (echo("a"), echo("b")), (echo("a", init={"command": ["true"]}),)]
    keys = [await Renderer(Workers(None), None, Plugins(each)).key(checkout, CONTEXT, looks) for each in sets]
    assert len(set(keys)) == len(sets)


async def test_output_is_not_kept_on_disk_and_a_failure_is_told_again_until_something_changes(tmp_path: Path):
    counting = plugin("cook", generate={"command": ["sh", "-c", f"echo run >&2; echo '{ECHO}'; test ! -e broken"]})
    kitchen = Kitchen(tmp_path / "runs", counting)
    cached = CachedRenderer(kitchen.renderer, tmp_path / "renderings.db")
    good = Checkout(source(plugin={"name": "cook"}), FakeTree(FILES), REVISION)
    try:
        await cached.render(good, CONTEXT, STAMP)
        assert b"ConfigMap" not in (tmp_path / "renderings.db").read_bytes()
        broken = Checkout(good.spec, FakeTree({**FILES, "app/broken": ""}), REVISION)
        for _ in range(2):
            with pytest.raises(Exception, match="plugin cook: generate ended with status 1 and said: run"):
                await cached.render(broken, CONTEXT, STAMP)
        assert (await cached.render(good, CONTEXT, STAMP)).tool == "Plugin"
    finally:
        cached.close()
