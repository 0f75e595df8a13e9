"""The walk of a review, once from top to bottom: find what each side delivers, render it, compare object by object."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from todoke.compare import manifests
from todoke.generate import applications as generated
from todoke.model.errors import Blocked, DeliveryError
from todoke.model.objects import Manifest
from todoke.model.renderings import Rendering
from todoke.model.reviews import LiveReview, ObjectChange, Review, UnitKey, UnitReview
from todoke.model.sources import place_of
from todoke.model.trees import Tree
from todoke.review.find import Definition, Finder, is_definition
from todoke.review.live import live_changes
from todoke.review.ports import Clone, Evaluate, Live, Published, ReadDocuments, Renderer
from todoke.review.repository import Files
from todoke.review.units import Side, Unit, application_unit, folders_of, kustomization_unit

Progress = Callable[[int, int], None]
"""Told how many of how many units are rendered."""

_AT_ONCE = 4
_MOST_UNITS = 20_000
_MOST_ROUNDS = 5  # applications that render applications that render applications


class Wish(msgspec.Struct, frozen=True):
    """What to compare.

    Attributes:
        base, head: revisions; head "" is the working copy. exact: compare with base itself, not where head left it.
        paths: only what is defined or rendered in these folders or files; empty = all. repo_urls: more URLs that mean
        this repository.
    """

    base: str
    head: str = ""
    paths: tuple[str, ...] = ()
    exact: bool = False
    repo_urls: tuple[str, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    offline: bool = False  # charts of repositories elsewhere are left out


class Rooms(msgspec.Struct, frozen=True):
    """The rooms behind a review."""

    clone: Clone
    renderer: Renderer
    read: ReadDocuments
    load: Callable[[bytes], Any]  # one YAML document, as Kubernetes reads it
    evaluate: Evaluate
    published: Published
    live: Live | None = None  # the cluster that both sides are held against


class Reviewer:
    """Makes reviews of one clone."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._finder = Finder(rooms.read)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def review(self, wish: Wish, progress: Progress = lambda _done, _all: None) -> Review:
        """What a branch would change.

        Raises: Blocked: there is no such revision.
        """
        clone, wish = self._rooms.clone, await self._for_cluster(wish)
        base = clone.commit(wish.base)
        head = clone.commit(wish.head) if wish.head else ""
        if not wish.exact:
            base = clone.merge_base(base, head or clone.commit("HEAD"))
        old, new = self._side(wish, clone.tree(base), base), self._side(wish, self._head(head), head or "HEAD")
        found = _Found(self, old, new)
        await found.look(wish.paths, progress)
        return Review(wish.base, wish.head or "the working copy", found.reviews(), tuple(dict.fromkeys(found.notes)))

    async def _for_cluster(self, wish: Wish) -> Wish:
        """A wish whose charts are told of the cluster that is asked, where nobody says otherwise."""
        if self._rooms.live is None:
            return wish
        version, apis = await self._rooms.live.capabilities()
        return msgspec.structs.replace(
            wish, kube_version=wish.kube_version or version, api_versions=wish.api_versions or apis
        )

    def path(self, path: Path) -> str:
        """A path of this machine from the clone's root. Raises: Blocked: it lies elsewhere."""
        root = self._rooms.clone.root.resolve()
        try:
            return path.resolve().relative_to(root).as_posix()
        except ValueError:
            raise Blocked(str(path), f"is not in the clone {root}", next_step="Name a folder or file in it") from None

    def _head(self, head: str) -> Tree:
        return self._rooms.clone.tree(head) if head else self._rooms.clone.working_copy()

    def _side(self, wish: Wish, tree: Tree, sha: str) -> Side:
        clone = self._rooms.clone
        names = {wish.base, wish.head, clone.branch} - {""}
        branches = frozenset(names | {name.partition("/")[2] for name in names if name.startswith("origin/")})
        places = frozenset(place_of(url) for url in (*clone.urls, *wish.repo_urls))

        def elsewhere(revision: str) -> tuple[Tree, str] | None:
            if not clone.knows(revision):
                return None
            found = clone.commit(revision)
            return clone.tree(found), found

        published = None if wish.offline else self._rooms.published
        return Side(tree, sha, places, branches, elsewhere, published, wish.kube_version, wish.api_versions)

    async def units(self, side: Side) -> tuple[list[Unit], list[str]]:
        """All that one side delivers, and notes on what could not be read."""
        contents = self._finder.contents(side.tree)
        definitions = list(contents.applications)
        notes: list[str] = []
        for each in contents.sets:
            definitions += await self.generated(each, side, notes)
        units = await asyncio.gather(*(application_unit(definition, side) for definition in definitions))
        rendered = {folder for unit in units for folder in folders_of(unit, side)}
        rest = (folder for folder in contents.kustomizations if folder not in rendered)
        return [*units, *(kustomization_unit(folder, side) for folder in rest)], notes

    async def generated(self, each: Definition, side: Side, notes: list[str]) -> list[Definition]:
        """The Applications that an ApplicationSet makes of a side."""

        def repository(repo_url: str, revision: str) -> Files | None:
            return Files(side.at(revision)[0]) if side.is_ours(repo_url) else None

        name = each.body["metadata"]["name"]
        made = await generated(each.body, repository, self._rooms.evaluate, self._rooms.load)
        notes += [f"ApplicationSet {name} ({each.origin}): {problem}" for problem in made.problems]
        return [Definition(body, each.origin) for body in made.applications]

    async def compared(self, old: Unit | None, new: Unit | None) -> "_Compared":
        """A unit on both sides, rendered as far as it has to be."""
        async with self._places:
            after = before = await self._rendered(new)
            if old is None or new is None or not await self._unchanged(old, new, after):
                before = await self._rendered(old)
            return _Compared(old, new, before, after, await self._live(old, new, same=before is after))

    async def _live(self, old: Unit | None, new: Unit | None, *, same: bool) -> LiveReview | None:
        """What merging would change in the cluster of an Application, as far as both sides can be rendered."""
        live, unit = self._rooms.live, new or old
        if live is None or unit is None or unit.key.kind != "Application":
            return None
        if new is None:
            return LiveReview(note="its Application goes: what becomes of its objects, its finalizer decides")
        if new.problem:
            return LiveReview(note="not compared with the cluster, because the head side is not rendered")
        before = () if old is None else old.checkouts
        try:
            head = await live.foreseen(new.body, new.checkouts, before)
            base = head.plan if same else None
            if old is not None and old.checkouts and not same:
                base = (await live.foreseen(old.body, old.checkouts)).plan
        except DeliveryError as error:
            return LiveReview(note=f"not compared with the cluster: {error}")
        return LiveReview(live_changes(base, head.plan), "; ".join(head.notes))

    async def _unchanged(self, old: Unit, new: Unit, after: "_Rendered") -> bool:
        """Whether the old side answers all looks of the new one's rendering as the new side did."""
        if after.problem or len(old.checkouts) != len(new.checkouts) or not new.checkouts:
            return False
        key = self._rooms.renderer.key
        for one, other, rendering in zip(old.checkouts, new.checkouts, after.renderings, strict=True):
            if await key(one, old.context, rendering.looks) != await key(other, new.context, rendering.looks):
                return False
        return True

    async def _rendered(self, unit: Unit | None) -> "_Rendered":
        if unit is None or unit.problem:
            return _Rendered((), unit.problem if unit else "")
        try:
            made = [
                await self._rooms.renderer.render(checkout, unit.context, unit.stamp) for checkout in unit.checkouts
            ]
        except DeliveryError as error:
            return _Rendered((), str(error))
        return _Rendered(tuple(made))


class _Rendered(msgspec.Struct, frozen=True):
    """What a unit renders to; `problem` says why it does not."""

    renderings: tuple[Rendering, ...]
    problem: str = ""

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        found = {manifest.key: manifest for rendering in self.renderings for manifest in rendering.manifests}
        return tuple(found.values())


class _Compared(msgspec.Struct, frozen=True):
    old: Unit | None
    new: Unit | None
    before: _Rendered
    after: _Rendered
    live: LiveReview | None = None


class _Found:
    """What was found so far, unit by unit. Attributes: notes: what could not be looked at."""

    def __init__(self, reviewer: Reviewer, old: Side, new: Side) -> None:
        self.notes: list[str] = []
        self._reviewer, self._old, self._new = reviewer, old, new
        self._compared: dict[UnitKey, _Compared] = {}

    async def look(self, paths: Sequence[str], progress: Progress) -> None:
        """Render and compare everything, and what that renders in turn."""
        sides = []
        for side, name in ((self._old, "base"), (self._new, "head")):
            units, notes = await self._reviewer.units(side)
            self.notes += [f"{name}: {note}" for note in notes]
            sides.append({unit.key: unit for unit in units})
        wanted = [key for key in sorted(sides[0].keys() | sides[1].keys()) if _is_wanted(key, sides, paths)]
        for _ in range(_MOST_ROUNDS):
            pairs = {key: (sides[0].get(key), sides[1].get(key)) for key in wanted if key not in self._compared}
            if not pairs or len(self._compared) + len(pairs) > _MOST_UNITS:
                return
            await self._round(pairs, progress)
            sides = [await self._rendered_units(pairs, side) for side in (0, 1)]
            wanted = sorted(sides[0].keys() | sides[1].keys())

    async def _round(self, pairs: Mapping[UnitKey, tuple[Unit | None, Unit | None]], progress: Progress) -> None:
        done = len(self._compared)
        total = done + len(pairs)

        async def one(key: UnitKey, old: Unit | None, new: Unit | None) -> None:
            self._compared[key] = await self._reviewer.compared(old, new)
            progress(len(self._compared), total)

        async with asyncio.TaskGroup() as group:
            for key, (old, new) in pairs.items():
                group.create_task(one(key, old, new))

    async def _rendered_units(self, keys: Iterable[UnitKey], which: int) -> dict[UnitKey, Unit]:
        """The Applications among the manifests of some units, on one side."""
        side = (self._old, self._new)[which]
        found: dict[UnitKey, Unit] = {}
        for key in keys:
            compared = self._compared[key]
            for manifest in (compared.before, compared.after)[which].manifests:
                if manifest.key.group != "argoproj.io":
                    continue
                definition = Definition(manifest.body, f"rendered by {key}")
                for each in await self._definitions(definition, side):
                    unit = await application_unit(each, side)
                    found[unit.key] = unit
        return found

    async def _definitions(self, definition: Definition, side: Side) -> list[Definition]:
        if is_definition(definition.body, "ApplicationSet"):
            return await self._reviewer.generated(definition, side, self.notes)
        return [definition] if is_definition(definition.body, "Application") else []

    def reviews(self) -> tuple[UnitReview, ...]:
        """All units with what differs in them; objects that only went from one to another are told as that."""
        found = {key: _review(key, compared) for key, compared in sorted(self._compared.items())}
        return tuple(with_moves(found).values())


def _is_wanted(key: UnitKey, sides: Sequence[Mapping[UnitKey, Unit]], paths: Sequence[str]) -> bool:
    """Whether a unit is defined or rendered below one of the paths; all are when there are none."""
    if not paths:
        return True
    places: list[str] = []
    for unit in (side[key] for side in sides if key in side):
        places.append(unit.origin)
        places += [checkout.spec.path for checkout in unit.checkouts]
    return any(path == "." or place == path or place.startswith(f"{path}/") for path in paths for place in places)


def _review(key: UnitKey, compared: _Compared) -> UnitReview:
    old, new, before, after = compared.old, compared.new, compared.before, compared.after
    unit = new or old
    origin = unit.origin if unit is not None else ""
    sides = (("base", before), ("head", after))
    problems = tuple(f"{name}: {side.problem}" for name, side in sides if side.problem)
    if (old is None or old.problem) and (new is None or new.problem):
        return UnitReview(
            key, "not rendered", origin, problems=tuple(dict.fromkeys(p.split(": ", 1)[1] for p in problems))
        )
    if problems:
        return UnitReview(key, "not rendered", origin, problems=problems)
    changes = manifests.changes(before.manifests, after.manifests) if before is not after else ()
    verdict: Any = "added" if old is None else "removed" if new is None else "changed" if changes else "same"
    return UnitReview(key, verdict, origin, changes, objects=len(after.manifests), live=compared.live)


def with_moves(reviews: Mapping[UnitKey, UnitReview]) -> dict[UnitKey, UnitReview]:
    """The reviews, objects that one application lost and another one got shown as moves."""
    lost = {change.key: (key, change) for key, change in _all(reviews, "removed")}
    moves = [(key, change, *lost[change.key]) for key, change in _all(reviews, "added") if change.key in lost]
    found = dict(reviews)
    for here, come, away, gone in moves:
        there = msgspec.structs.replace(manifests.moved(gone, come), other=away)
        left = msgspec.structs.replace(gone, action="moved away", other=here)
        found[here] = _replaced(found[here], come, there)
        found[away] = _replaced(found[away], gone, left)
    return found


def _all(reviews: Mapping[UnitKey, UnitReview], action: str) -> Iterable[tuple[UnitKey, ObjectChange]]:
    return [(key, change) for key, review in reviews.items() for change in review.changes if change.action == action]


def _replaced(review: UnitReview, old: ObjectChange, new: ObjectChange) -> UnitReview:
    changes = tuple(new if change is old else change for change in review.changes)
    return msgspec.structs.replace(review, changes=changes)
