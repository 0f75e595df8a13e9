"""Rendering by the render worker, beside the helm and kubectl programs in the same run.

    python -m bench.rendering

One chart with a subchart's worth of templates, one overlay on a base, one Jsonnet file; then the keys of 1,000
applications at a commit that changed one of them.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pygit2
from tests.cluster.git_repo import Repo
from tests.render.golden.judges import judges

from bench.reviews import DEPLOYMENT, SERVICE
from todoke.model.application_sources import SourceHelm
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.sources import SourceSpec
from todoke.model.trees import Tree
from todoke.render.cache import CachedRenderer
from todoke.render.renderer import Renderer
from todoke.render.worker import Limits, Workers, program
from todoke.source.tree import tree_of

ROUNDS = 300
PROGRAM_ROUNDS = 20
APPLICATIONS = 1000
_TEMPLATE = DEPLOYMENT.format(name="{{ .Release.Name }}-PART", tag="{{ .Values.tag }}")
FILES = {
    "base/kustomization.yaml": "resources: [all.yaml]\nconfigMapGenerator: [{name: conf, literals: [a=1]}]\n",
    "base/all.yaml": DEPLOYMENT.format(name="web", tag="1") + SERVICE.format(name="web"),
    "overlay/kustomization.yaml": """
resources: [../base]
namePrefix: my-
namespace: shop
images: [{name: registry.example.com/web, newTag: "2"}]
patches:
  - target: {kind: Deployment}
    patch: '[{"op": "replace", "path": "/spec/replicas", "value": 3}]'
""",
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "chart/values.yaml": "tag: '1'\n",
    **{f"chart/templates/{part}.yaml": _TEMPLATE.replace("PART", part) for part in ("web", "worker", "mail", "cron")},
    "jsonnet/all.jsonnet": """
local one(n) = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c%d' % n }, data: { n: std.toString(n) } };
[one(n) for n in std.range(1, 20)]
""",
}
SPECS = {
    "Kustomize": SourceSpec("", path="overlay"),
    "Helm": SourceSpec("", path="chart", helm=SourceHelm()),
    "Jsonnet": SourceSpec("", path="jsonnet"),
}
CONTEXT, STAMP = RenderContext("shop", "shop"), Stamp("shop", "shop")


async def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repo = Repo.create(folder / "fleet.git")
        fleet = {
            f"apps/app-{n:04}/kustomization.yaml": f"resources: [../../base]\nnamePrefix: app-{n}-\n"
            for n in range(APPLICATIONS)
        }
        first = repo.commit({**FILES, **fleet}, "all")
        second = repo.commit({"apps/app-0500/kustomization.yaml": "resources: [../../base]\nnamePrefix: new-\n"}, "one")
        for path, text in FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        opened = pygit2.Repository(str(repo.path))
        trees = [tree_of(opened, opened[sha].peel(pygit2.Commit)) for sha in (first, second)]
        await renders(trees[0], folder)
        await keys(*trees, folder)


async def renders(tree: Tree, folder: Path) -> None:
    """Milliseconds of a rendering, of the same by a program, and from the cache."""
    workers = Workers(program(), Limits(processes=1))
    renderer = Renderer(workers)
    cached = CachedRenderer(renderer, folder / "renderings.db")
    commands = _commands(folder)
    for name, spec in SPECS.items():
        checkout = Checkout(spec, tree, "0" * 40)

        def render(checkout: Checkout = checkout) -> Awaitable[Rendering]:
            return renderer.render(checkout, CONTEXT, STAMP)

        def known(checkout: Checkout = checkout) -> Awaitable[Rendering]:
            return cached.render(checkout, CONTEXT, STAMP)

        cold = await milliseconds(render, 1)
        warm, again = await milliseconds(render, ROUNDS), await milliseconds(known, ROUNDS)
        line = f"{name:10} first {cold:6.1f} ms   warm {warm:6.2f} ms = {1000 / warm:5.0f}/s   known {again:5.2f} ms"
        if name in commands:
            beside = program_milliseconds(commands[name])
            line += f"   program {beside:6.1f} ms = {beside / warm:4.0f}x"
        print(line)
    cached.close()
    await workers.close()


async def keys(first: Tree, second: Tree, folder: Path) -> None:
    """CPU seconds to find out which of 1,000 kustomizations a commit changed, and to render that one."""
    workers = Workers(program(), Limits(processes=1))
    renderer = Renderer(workers)
    specs = [SourceSpec("", path=f"apps/app-{n:04}") for n in range(APPLICATIONS)]
    known = []
    for spec in specs:
        checkout = Checkout(spec, first, "1" * 40)
        rendering = await renderer.render(checkout, CONTEXT, STAMP)
        known.append((spec, rendering.looks, await renderer.key(checkout, CONTEXT, rendering.looks)))
    before, began = cpu(), time.perf_counter()
    changed = []
    for spec, looks, key in known:
        checkout = Checkout(spec, second, "2" * 40)
        if await renderer.key(checkout, CONTEXT, looks) != key:
            changed.append(await renderer.render(checkout, CONTEXT, STAMP))
    seconds, used = time.perf_counter() - began, cpu() - before
    print(f"{len(changed)} of {APPLICATIONS} kustomizations rendered after a commit: {seconds:.3f} s, {used:.3f} CPU s")
    await workers.close()


async def milliseconds(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """The mean of some rounds."""
    began = time.perf_counter()
    for _ in range(rounds):
        await work()
    return (time.perf_counter() - began) / rounds * 1000


def program_milliseconds(words: list[str]) -> float:
    """The mean of some runs of a program."""
    began = time.perf_counter()
    for _ in range(PROGRAM_ROUNDS):
        subprocess.run(words, check=True, capture_output=True)
    return (time.perf_counter() - began) / PROGRAM_ROUNDS * 1000


def _commands(folder: Path) -> dict[str, list[str]]:
    found = judges().folder
    return {
        "Kustomize": [str(found / "kubectl"), "kustomize", str(folder / "overlay")],
        "Helm": [str(found / "helm4"), "template", "shop", str(folder / "chart")],
    }


def cpu() -> float:
    """CPU seconds of this process; those of the worker are its own until it ends."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    asyncio.run(main())
