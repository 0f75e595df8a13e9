"""The first half of a look: the newest revision, and what it says, rendered only when an input changed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from todoke.delivery.memory import Memory, Rendered
from todoke.delivery.ports import Cluster, Permitted, Renderer, Source
from todoke.model.deliverables import Deliverable
from todoke.model.objects import Kind, Manifest, ObjectKey
from todoke.model.renderings import Checkout, RenderContext, Stamp
from todoke.model.renderings import Rendering as SourceRendering
from todoke.model.sources import SourceSpec
from todoke.model.trees import Look, Tree
from todoke.plan.hooks import hook_types

_CRD = "CustomResourceDefinition"

Permits = Callable[[Deliverable], Permitted | None]


class Rendering:
    """Reads sources and renders them, with one remembered rendering per application."""

    def __init__(
        self,
        source: Source,
        renderer: Renderer,
        cluster: Cluster,
        installation: str,
        permits: Permits = lambda _deliverable: None,
    ) -> None:
        """Args: permits: which other repositories, as submodules, an application's project permits; None: all."""
        self._source, self._renderer, self._cluster = source, renderer, cluster
        self._installation, self._permits = installation, permits

    async def revisions(self, deliverable: Deliverable, pinned: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The commit of every source: the pinned ones, else the newest of what each source follows."""
        found = []
        for number, spec in enumerate(deliverable.sources):
            wanted = pinned[number] if number < len(pinned) and pinned[number] else spec.revision
            found.append(await self._source.latest(spec, wanted))
        return tuple(found)

    async def render(self, deliverable: Deliverable, revisions: tuple[str, ...], memory: Memory) -> Rendered:
        """What the revisions say; the remembered rendering when no input changed."""
        known = memory.rendered
        if known is not None and len(known.looks) == len(deliverable.sources):
            same = await self.unchanged(deliverable, known, revisions)
            if same and not await self._appeared(known.unknown):
                return known if known.revisions == revisions else msgspec.structs.replace(known, revisions=revisions)
        rendered = await self._fresh(deliverable, revisions, fresh=memory.fresh)
        memory.fresh = False
        return rendered

    async def unchanged(self, deliverable: Deliverable, rendered: Rendered, revisions: tuple[str, ...]) -> bool:
        """Whether other revisions say what was rendered: nothing is rendered for that.

        Raises: DeliveryError: they cannot be read.
        """
        if len(rendered.looks) != len(revisions):
            return False
        if rendered.anchors and await self._inputs(deliverable, revisions, rendered.anchors) == rendered.fixed:
            return True
        return await self._inputs(deliverable, revisions, rendered.looks) == rendered.inputs

    async def same(
        self,
        deliverable: Deliverable,
        one: tuple[str, ...],
        other: tuple[str, ...],
        known: Rendered | None = None,
    ) -> bool:
        """Whether two revisions say the same for an application: a monorepo has many that do.

        Args: known: a rendering that may be of one of them; without it, the first is rendered.
        Raises: DeliveryError: one of them cannot be read or rendered.
        """
        if known is not None and len(known.looks) == len(one):
            keys = [await self._inputs(deliverable, revisions, known.looks) for revisions in (one, other)]
            if known.inputs in keys:
                return keys[0] == keys[1]
        made = await self._renderings(deliverable, await self._checkouts(deliverable, one))
        looks = tuple([rendering.looks for rendering in made])
        return await self._inputs(deliverable, one, looks) == await self._inputs(deliverable, other, looks)

    async def elsewhere(self, deliverable: Deliverable, revisions: tuple[str, ...], number: int) -> tuple[str, ...]:
        """What is read of one source's repository outside of that source's folder: bases, value files of others.

        Raises: DeliveryError: the revisions cannot be rendered.
        """
        spec, found = deliverable.sources[number], dict[str, None]()
        made = await self._renderings(deliverable, await self._checkouts(deliverable, revisions))
        for position, rendering in enumerate(made):
            for look in rendering.looks:
                ours = look.ref == spec.ref if look.ref else position == number
                if ours and look.intent in ("read", "tree", "list") and look.answer and not _inside(look.path, spec):
                    found[look.path] = None
        return tuple(found)

    async def _inputs(
        self, deliverable: Deliverable, revisions: tuple[str, ...], looks: tuple[tuple[Look, ...], ...]
    ) -> str:
        """Fingerprint of everything that renderings read: what they looked at, and their parameters."""
        parts = [deliverable.instance, self._installation]
        context = await self._context(deliverable)
        for checkout, seen in zip(await self._checkouts(deliverable, revisions), looks, strict=True):
            parts.append(await self._renderer.key(checkout, context, seen))
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

    async def _checkouts(self, deliverable: Deliverable, revisions: tuple[str, ...]) -> list[Checkout]:
        specs = list(zip(deliverable.sources, revisions, strict=True))
        permitted = self._permits(deliverable)
        trees = [await self._source.tree(spec, sha, permitted) for spec, sha in specs]
        refs = {spec.ref: tree for (spec, _), tree in zip(specs, trees, strict=True) if spec.ref}
        return [Checkout(spec, tree, sha, refs, permitted) for (spec, sha), tree in zip(specs, trees, strict=True)]

    async def _context(self, deliverable: Deliverable) -> RenderContext:
        version, apis = await self._cluster.capabilities()
        return RenderContext(deliverable.key.name, deliverable.namespace, deliverable.project, version, apis)

    async def _renderings(
        self, deliverable: Deliverable, checkouts: Iterable[Checkout], *, fresh: bool = False
    ) -> list[SourceRendering]:
        context, stamp = await self._context(deliverable), self._stamp(deliverable)
        return [await self._renderer.render(checkout, context, stamp, fresh=fresh) for checkout in checkouts]

    def _stamp(self, deliverable: Deliverable) -> Stamp:
        return Stamp(deliverable.instance, deliverable.namespace, self._installation)

    async def of(self, deliverable: Deliverable, checkouts: Sequence[Checkout]) -> Rendered:
        """What sources say that are checked out already.

        Raises: Blocked: they cannot be rendered.
        """
        revisions = tuple([checkout.revision for checkout in checkouts])
        return await self._placed(deliverable, revisions, await self._renderings(deliverable, checkouts))

    async def local(self, deliverable: Deliverable, tree: Tree) -> Rendered:
        """What the files of a folder say in place of the repository's.

        Raises: Blocked: they cannot be rendered.
        """
        refs = {spec.ref: tree for spec in deliverable.sources if spec.ref}
        return await self.of(deliverable, [Checkout(spec, tree, tree.revision, refs) for spec in deliverable.sources])

    async def _fresh(self, deliverable: Deliverable, revisions: tuple[str, ...], *, fresh: bool) -> Rendered:
        checkouts = await self._checkouts(deliverable, revisions)
        renderings = await self._renderings(deliverable, checkouts, fresh=fresh)
        looks = tuple([rendering.looks for rendering in renderings])
        inputs = await self._inputs(deliverable, revisions, looks)
        made = await self._placed(deliverable, revisions, renderings, inputs)
        anchors = tuple([rendering.anchors for rendering in renderings])
        if not all(anchors):
            return made
        fixed = await self._inputs(deliverable, revisions, anchors)
        return msgspec.structs.replace(made, anchors=anchors, fixed=fixed)

    async def _placed(
        self,
        deliverable: Deliverable,
        revisions: tuple[str, ...],
        renderings: list[SourceRendering],
        inputs: str = "",
    ) -> Rendered:
        """Renderings with each object in its namespace and marked as the application's."""
        stamp = self._stamp(deliverable)
        written = [manifest for rendering in renderings for manifest in rendering.manifests]
        warnings = [warning for rendering in renderings for warning in rendering.warnings]
        kinds = frozenset(manifest.kind for manifest in written)
        scopes = dict(await self._cluster.prepare(kinds))
        coming = _scopes_of_crds(written)
        scopes |= {kind: scope for kind, scope in coming.items() if scopes.get(kind) is None}
        placed: dict[ObjectKey, Manifest] = {}
        for manifest in written:
            namespaced = scopes.get(manifest.kind)
            final = self._renderer.place(manifest, namespaced, stamp)
            if final.key in placed:
                warnings.append(f"{final.key} appears more than once among the application's sources; the last is used")
            placed[final.key] = final
        hooks = [manifest for manifest in placed.values() if _is_hook(manifest)]
        for manifest in hooks:
            del placed[manifest.key]
        unknown = frozenset(kind for kind in kinds if scopes.get(kind) is None)
        return Rendered(
            revisions,
            inputs,
            tuple(placed.values()),
            tuple(warnings),
            kinds,
            unknown,
            frozenset(coming),
            tuple(hooks),
            tuple([rendering.looks for rendering in renderings]),
            tuple([rendering.tool for rendering in renderings]),
        )

    async def _appeared(self, kinds: frozenset[Kind]) -> bool:
        """Whether a kind whose scope was not known is served now: its objects have to be placed again."""
        if not kinds:
            return False
        return any(scope is not None for scope in (await self._cluster.prepare(kinds)).values())


def _inside(path: str, spec: SourceSpec) -> bool:
    if spec.only_referenced:
        return False
    return spec.path == "." or path == spec.path or path.startswith(f"{spec.path}/")


def _is_hook(manifest: Manifest) -> bool:
    return b'/hook"' in manifest.raw and bool(hook_types(manifest.body))


def _scopes_of_crds(manifests: list[Manifest]) -> dict[Kind, bool | None]:
    """Scopes of kinds whose CRD comes with the same revision, before the server serves them."""
    scopes: dict[Kind, bool | None] = {}
    for manifest in manifests:
        if manifest.key.kind == _CRD:
            spec = manifest.body.get("spec") or {}
            for version in spec.get("versions") or ():
                kind = Kind(
                    str(spec.get("group")), str(version.get("name")), str((spec.get("names") or {}).get("kind"))
                )
                scopes[kind] = spec.get("scope") == "Namespaced"
    return scopes
