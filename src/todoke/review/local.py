"""Rendering a folder of this machine, or the Applications in a file, as a controller would."""

from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.model.application_sources import HelmParameter, SourceHelm
from todoke.model.errors import Blocked
from todoke.model.renderings import Checkout, RenderContext, Stamp
from todoke.model.sources import SourceSpec
from todoke.model.trees import Astray, Tree
from todoke.review.find import Definition, Finder, is_definition
from todoke.review.ports import Body, Published, ReadDocuments, Renderer
from todoke.review.units import Side, application_unit


class LocalWish(msgspec.Struct, frozen=True):
    """What to render.

    Attributes: path: folder or file, from the tree's root. value_files: from the folder, or from the root with a /.
        settings: `name=value` of Helm parameters.
    """

    path: str
    name: str = ""
    namespace: str = ""
    value_files: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    offline: bool = False  # nothing is fetched


class Local:
    """Renders what lies in one tree."""

    def __init__(
        self,
        tree: Tree,
        places: frozenset[str],
        renderer: Renderer,
        read: ReadDocuments,
        published: Published,
    ) -> None:
        """Args: places: of the URLs that mean this tree, see `place_of`."""
        self._tree, self._places, self._renderer, self._published = tree, places, renderer, published
        self._finder = Finder(read)
        self._read = read

    async def render(self, wish: LocalWish) -> tuple[list[Body], list[str]]:
        """The objects, as they would be sent but for marks and default namespaces; and warnings.

        Raises: Blocked: there is no such path, or it cannot be rendered.
        """
        found = self._found(wish.path)
        if found:
            checkouts, context = [self._checkout(wish)], self._context(wish)
            return await self._rendered(checkouts, context)
        bodies, warnings = list[Body](), list[str]()
        for definition in self._applications(wish.path):
            unit = await application_unit(definition, self._side(wish))
            if unit.problem:
                warnings.append(f"Application/{unit.key} is not rendered: {unit.problem}")
                continue
            more, told = await self._rendered(list(unit.checkouts), unit.context)
            bodies += more
            warnings += told
        return bodies, warnings

    def _found(self, path: str) -> bool:
        try:
            return self._tree.find(path).is_folder
        except Astray as error:
            raise Blocked(path, error.problem, next_step="Name a folder, or a file that holds an Application") from None

    def _applications(self, path: str) -> list[Definition]:
        data = self._tree.read(self._tree.find(path))
        bodies: list[Mapping[str, Any]] = [*self._read(path, data)]
        found = [Definition(dict(body), path) for body in bodies if is_definition(body, "Application")]
        if not found:
            raise Blocked(path, "holds no Application", next_step="Name the folder with the manifests")
        return found

    def _checkout(self, wish: LocalWish) -> Checkout:
        spec = SourceSpec("", path=wish.path or ".")
        if wish.value_files or wish.settings:
            parameters = tuple(
                HelmParameter(name, value) for name, _, value in (s.partition("=") for s in wish.settings)
            )
            spec = msgspec.structs.replace(
                spec, helm=SourceHelm(value_files=wish.value_files or None, parameters=parameters or None)
            )
        return Checkout(spec, self._tree, "0" * 40, offline=wish.offline)

    def _context(self, wish: LocalWish) -> RenderContext:
        name = wish.name or wish.path.rpartition("/")[2] or "app"
        return RenderContext(name, wish.namespace, "default", wish.kube_version, wish.api_versions)

    def _side(self, wish: LocalWish) -> Side:
        return Side(
            self._tree,
            "0" * 40,
            self._places,
            frozenset(),
            lambda _revision: None,
            None if wish.offline else self._published,
            wish.kube_version,
            wish.api_versions,
        )

    async def _rendered(self, checkouts: list[Checkout], context: RenderContext) -> tuple[list[Body], list[str]]:
        bodies, warnings = list[Body](), list[str]()
        stamp = Stamp(context.application, context.namespace)
        for checkout in checkouts:
            rendering = await self._renderer.render(checkout, context, stamp)
            bodies += [manifest.body for manifest in rendering.manifests]
            warnings += rendering.warnings
        return bodies, warnings
