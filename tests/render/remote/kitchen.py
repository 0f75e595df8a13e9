"""Kustomizations and charts that name things elsewhere, rendered by the real engines; elsewhere is made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.fake_tree import FakeTree
from todoke.model.application_sources import ApplicationSource
from todoke.model.errors import Blocked, DeliveryError
from todoke.model.remotes import RemoteBase, RemoteChart
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.sources import spec_of
from todoke.model.trees import Tree
from todoke.render.cache import CachedRenderer
from todoke.render.renderer import Renderer
from todoke.render.worker import Workers

Permitted = Any
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {a: b}\n"


def config(name: str) -> str:
    """A ConfigMap."""
    return CONFIG.replace("NAME", name)


@dataclass
class World:
    """All that is elsewhere: repositories by what Git would clone, files by URL, charts by name."""

    repositories: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    charts: dict[str, Mapping[str, str]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    fails: DeliveryError | None = None

    def __post_init__(self) -> None:
        self._trees: dict[str, FakeTree] = {}

    async def completed(self, tree: Tree, path: str, permitted: Permitted = None) -> Tree:
        return tree

    async def base(self, wanted: RemoteBase, permitted: Permitted = None) -> Tree | bytes:
        self._note(wanted)
        if wanted.file in self.files:
            return self.files[wanted.file]
        if wanted.repo not in self.repositories:
            raise Blocked(f"Remote base {wanted.url}", "is not there")
        if wanted.repo not in self._trees:
            self._trees[wanted.repo] = FakeTree(self.repositories[wanted.repo])
        return self._trees[wanted.repo]

    async def file(self, url: str, permitted: Permitted = None) -> bytes | None:
        self._note(url)
        return self.files.get(url)

    async def chart(self, wanted: RemoteChart, permitted: Permitted = None) -> Tree:
        self._note(wanted)
        return FakeTree(self.charts[wanted.name])

    def _note(self, wanted: Any) -> None:
        self.asked.append(wanted)
        if self.fails is not None:
            raise self.fails


class Kitchen:
    """A renderer with a cache in memory of errors only."""

    def __init__(self, workers: Workers, world: World) -> None:
        self.world = world
        self.renderer = CachedRenderer(Renderer(workers, world), None)

    def options(self, text: str, **more: str) -> None:
        """Set kustomize.buildOptions, and other keys of argocd-cm with `_` for the dots."""
        others = {name.replace("_", ".", 1): value for name, value in more.items()}
        self.renderer.use_config({"kustomize.buildOptions": text, **others})

    async def render(
        self, files: Mapping[str, Any], *, offline: bool = False, fresh: bool = False, **source: Any
    ) -> Rendering:
        """The rendering of the folder `app`."""
        written = {"repoURL": "https://git.example.com/shop", "path": "app", **source}
        spec = spec_of(msgspec.convert(written, ApplicationSource))
        checkout = Checkout(spec, FakeTree(files), "0" * 40, offline=offline)
        stamp, context = Stamp("shop", "shop"), RenderContext("shop", "shop", kube_version="1.33.0")
        return await self.renderer.render(checkout, context, stamp, fresh=fresh)

    async def names(self, files: Mapping[str, Any], **more: Any) -> list[str]:
        """The names of the rendered objects."""
        return [manifest.key.name for manifest in (await self.render(files, **more)).manifests]
