"""Plugins of tests: scripts that lie in the repository, run by the interpreter of the tests."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tests.fake_tree import FakeTree
from todoke.model.application_sources import ApplicationSource
from todoke.model.objects import Manifest
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.sources import SourceSpec, spec_of
from todoke.model.telemetry import Silent
from todoke.model.trees import Found, Tree
from todoke.render.plugins import Plugins, Runs
from todoke.render.plugins.definition import Plugin, plugin_of
from todoke.render.plugins.process import Barriers, barriers_here
from todoke.render.renderer import Renderer, Unrendered
from todoke.render.worker import Limits, Workers

CONTEXT, STAMP = RenderContext("shop", "shop-space", "green", "1.33.0", ("v1", "apps/v1")), Stamp("shop", "shop-space")
REVISION = "0123456789abcdef0123456789abcdef01234567"
PYTHON = str(Path(sys.executable).resolve())
"""The interpreter itself: a virtual environment may lie where plugins cannot look."""
NOTHING_APART = Barriers()
PRINT_MAP = """
import json
def told(**data):
    about = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "told"}}
    print(json.dumps({**about, "data": {name: str(value) for name, value in data.items()}}))
"""


@cache
def _here() -> Barriers:
    """What this system has, tried out once for all tests."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as other_loop:
        return other_loop.submit(lambda: asyncio.run(barriers_here(folder, Limits()))).result()


def plugin(name: str = "cook", *, annotations: Mapping[str, str] | None = None, **spec: Any) -> Plugin:
    """A plugin that runs `make.py` of the source's folder, unless it says otherwise."""
    metadata = {"name": name, "annotations": dict(annotations or {})}
    generate = {"generate": {"command": [PYTHON, "make.py"]}}
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ConfigManagementPlugin"}
    found = plugin_of({**head, "metadata": metadata, "spec": {**generate, **spec}})
    assert isinstance(found, Plugin), found
    return found


def source(**fields: Any) -> SourceSpec:
    """A source of the Application, in the folder `app` unless it says otherwise."""
    written = {"repoURL": "https://git.example.com/shop", "path": "app", **fields}
    return spec_of(msgspec.convert(written, ApplicationSource))


class Kitchen:
    """A renderer with plugins. Attributes: folder: where their runs are."""

    def __init__(self, folder: Path, *plugins: Plugin, barriers: Barriers | None = None, **limits: Any) -> None:
        self.folder = folder
        hidden, telemetry = limits.pop("hidden", ()), limits.pop("telemetry", Silent())
        taken = Limits(**{"seconds": 20.0, "memory_mib": 200, **limits})
        runs = Runs(folder, taken, telemetry, barriers=barriers or _here(), hidden=hidden)
        self.renderer = Renderer(Workers(None), None, Plugins(plugins or (plugin(),), runs))

    async def render(self, files: Mapping[str, str] | Tree, **fields: Any) -> Rendering:
        tree = FakeTree(files) if isinstance(files, Mapping) else files
        fields = {"plugin": {"name": "cook"}, **fields}
        spec = source(**{name: value for name, value in fields.items() if value is not None})
        return await self.renderer.render(Checkout(spec, tree, REVISION), CONTEXT, STAMP)

    async def cook(self, script: str, more: Mapping[str, str] | None = None, **fields: Any) -> dict[str, str]:
        """What a script that calls `told` told."""
        rendering = await self.render({"app/make.py": PRINT_MAP + script, **(more or {})}, **fields)
        return data_of(rendering.manifests)

    async def failure(self, script: str, more: Mapping[str, str] | None = None, **fields: Any) -> str:
        try:
            told = await self.cook(script, more, **fields)
        except Unrendered as error:
            return str(error.error)
        raise AssertionError(f"it was rendered: {told}")

    @property
    def left_behind(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]


class ProgramTree(FakeTree):
    """A tree whose files are programs."""

    def child(self, folder: Found, name: str) -> Found | None:
        found = super().child(folder, name)
        if found is None or found.is_folder or found.is_link:
            return found
        return Found(found.path, found.id, found.mode | 0o111)


def data_of(manifests: tuple[Manifest, ...]) -> dict[str, str]:
    (manifest,) = manifests
    data: dict[str, str] = manifest.body["data"]
    return data


def running(word: str) -> list[int]:
    """Processes that have a word among their arguments and are not dead yet."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came to hold"
        await asyncio.sleep(0.01)
