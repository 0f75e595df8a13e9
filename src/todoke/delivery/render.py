"""The first half of a look: the newest revision, and what it says, rendered only when an input changed."""

import hashlib

import msgspec

from todoke.delivery.memory import Memory, Rendered
from todoke.delivery.ports import Cluster, Renderer, Source
from todoke.model.deliverables import Deliverable
from todoke.model.objects import Kind, Manifest, ObjectKey
from todoke.model.renderings import Stamp
from todoke.plan.hooks import hook_types

_CRD = "CustomResourceDefinition"


class Rendering:
    """Reads sources and renders them, with one remembered rendering per application."""

    def __init__(self, source: Source, renderer: Renderer, cluster: Cluster, installation: str) -> None:
        self._source, self._renderer, self._cluster = source, renderer, cluster
        self._installation = installation

    async def revisions(self, deliverable: Deliverable, pinned: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The commit of every source: the pinned ones, else the newest of what each source follows."""
        found = []
        for number, spec in enumerate(deliverable.sources):
            wanted = pinned[number] if number < len(pinned) and pinned[number] else spec.revision
            found.append(await self._source.latest(spec.repo_url, wanted))
        return tuple(found)

    def inputs(self, deliverable: Deliverable, revisions: tuple[str, ...]) -> str:
        """Fingerprint of everything a rendering reads: Git ids of its paths, and its parameters."""
        parts = [deliverable.instance, deliverable.namespace, self._installation]
        for spec, sha in zip(deliverable.sources, revisions, strict=True):
            parts += [
                self._source.fingerprint(spec.repo_url, sha, spec),
                spec.include,
                spec.exclude,
                str(spec.recurse),
                spec.path,
            ]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

    async def render(self, deliverable: Deliverable, revisions: tuple[str, ...], memory: Memory) -> Rendered:
        """What the revisions say; the remembered rendering when no input changed."""
        inputs = self.inputs(deliverable, revisions)
        known = memory.rendered
        if known is not None and known.inputs == inputs and not await self._appeared(known.unknown):
            return known if known.revisions == revisions else msgspec.structs.replace(known, revisions=revisions)
        return await self._fresh(deliverable, revisions, inputs)

    async def _fresh(self, deliverable: Deliverable, revisions: tuple[str, ...], inputs: str) -> Rendered:
        stamp = Stamp(deliverable.instance, deliverable.namespace, self._installation)
        written: list[Manifest] = []
        warnings: list[str] = []
        for spec, sha in zip(deliverable.sources, revisions, strict=True):
            files = self._source.files(spec.repo_url, sha, spec)
            rendering = self._renderer.render(files, stamp)
            written += rendering.manifests
            warnings += rendering.warnings
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
        )

    async def _appeared(self, kinds: frozenset[Kind]) -> bool:
        """Whether a kind whose scope was not known is served now: its objects have to be placed again."""
        if not kinds:
            return False
        return any(scope is not None for scope in (await self._cluster.prepare(kinds)).values())


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
