"""Pinning the orbs of a configuration: each reference once, level by level, and all of it or nothing."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from todoke.ci.ports import Market, OrbRoom
from todoke.model.errors import Blocked, DeliveryError
from todoke.model.job_graphs import OrbText
from todoke.model.orb_locks import MOST_ORBS, GitPlace, LockedOrb, Offer, Reference, reference_of
from todoke.model.problems import Mark, Problem
from todoke.pipeline.circleci.importing import Import, imports

_AT_ONCE: Final = 8


def _silence(_: str) -> None:
    """Nobody waits for words."""


class LockWish(msgspec.Struct, frozen=True):
    """How to lock.

    Attributes:
        registry: the address of its GraphQL. parameters: of the pipeline; the others have their defaults.
        from_git: where the orbs of some references lie. update: ask again for what is locked. check: write nothing.
        vendor: texts go into the folder. announce: told what was found.
    """

    registry: str
    parameters: Mapping[str, Any] = {}
    from_git: Mapping[str, GitPlace] = {}
    update: bool = False
    vendor: bool = False
    check: bool = False
    announce: Callable[[str], None] = _silence


class LockOutcome(msgspec.Struct, frozen=True):
    """What became of it.

    Attributes: new, changed: entries by reference. kept: references that stay as they are. folder: references that the
        folder has itself. problems: with an error among them nothing was written.
    """

    new: Mapping[str, LockedOrb] = {}
    changed: Mapping[str, LockedOrb] = {}
    kept: tuple[str, ...] = ()
    folder: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether nothing was written because something is wrong."""
        return any(problem.level == "error" for problem in self.problems)


class Locking:
    """One run."""

    def __init__(self, orbs: OrbRoom, pipeline: Mapping[str, Any], wish: LockWish) -> None:
        self._orbs, self._pipeline, self._wish = orbs, pipeline, wish
        self._locked = dict(orbs.locked())
        self._found: dict[str, Offer] = {}
        self._folder: list[str] = []
        self._problems: list[Problem] = []
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def run(self, text: str) -> LockOutcome:
        """Find, fetch, and unless something is wrong, write. Raises: Blocked: a file cannot be read or written."""
        async with self._orbs.market(self._wish.registry) as market:
            wanted = {**self._listed(text, "", self._wish.parameters), **dict.fromkeys(self._wish.from_git)}
            seen: set[str] = set()
            while level := {reference: mark for reference, mark in wanted.items() if reference not in seen}:
                seen |= level.keys()
                if len(seen) > MOST_ORBS:
                    raise Blocked(
                        "The configuration", f"imports more than {MOST_ORBS} orbs, with those that they import"
                    )
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._one(market, *each)) for each in level.items()]
                wanted = {name: at for task in tasks for name, at in task.result().items()}
        return self._written()

    def _listed(self, text: str, file: str, parameters: Mapping[str, Any]) -> dict[str, Mark | None]:
        """The references of a text, with the places of the first of each."""
        listed, problems = imports(text, parameters, self._pipeline, file)
        self._problems += problems
        found: dict[str, Mark | None] = {}
        for one in _with_references(listed):
            found.setdefault(one.reference, one.mark)
        return found

    async def _one(self, market: Market, reference: str, mark: Mark | None) -> dict[str, Mark | None]:
        """Get one orb; gives what it imports."""
        asked = reference_of(reference)
        if asked is None:
            self._problems.append(Problem(f"{reference} is no reference to an orb", mark, "Write namespace/orb@1.2.3"))
            return {}
        try:
            if reference not in self._wish.from_git and self._orbs.in_folder(reference):
                self._folder.append(reference)
                there = self._orbs.find(reference)
                return self._listed(there.text, there.file, {}) if isinstance(there, OrbText) else {}
            async with self._turns:
                offer = await self._offer(market, asked)
        except DeliveryError as error:
            self._problems.append(Problem(str(error), mark))
            return {}
        self._found[reference] = offer
        resolved = f"{asked.orb}@{offer.locked.version}"
        if asked.moves and offer.locked.registry:
            hint = "It is locked by its text; `todoke ci orb lock --update` takes the text of the day"
            self._problems.append(
                Problem(f"{reference} is a development version, which moves", mark, hint, (), "warning")
            )
        return self._listed(offer.text, resolved, {})

    async def _offer(self, market: Market, asked: Reference) -> Offer:
        named, entry = self._wish.from_git.get(str(asked)), self._locked.get(str(asked))
        if named is None and entry is not None and not self._wish.update:
            return await self._again(market, asked, entry)
        if named is None and entry is not None and entry.git:
            named = GitPlace(entry.git, entry.ref, entry.path)
        offer = await (market.published(asked) if named is None else market.in_git(named, asked))
        self._wish.announce(f"{asked} is {offer.locked.version}, from {offer.locked.place}")
        return offer

    async def _again(self, market: Market, asked: Reference, entry: LockedOrb) -> Offer:
        """What is locked already: from this machine, else the same text once more. Raises: Blocked: it is another."""
        text = self._orbs.locked_text(str(asked), entry)
        if text is not None:
            return Offer(text, entry)
        if entry.git:
            offer = await market.in_git(GitPlace(entry.git, entry.commit, entry.path), asked)
        else:
            offer = await market.published(asked._replace(version=entry.version))
        if offer.locked.sha256 != entry.sha256:
            problem = (
                f"{offer.locked.place} has another text for {asked.orb}@{entry.version} than the one that is locked"
            )
            next_step = "Find out why; `--update` takes the new one"
            raise Blocked(f"Orb {asked}", problem, next_step=next_step)
        self._wish.announce(f"{asked} is {entry.version}, fetched once more from {entry.place}")
        return Offer(offer.text, entry)

    def _written(self) -> LockOutcome:
        new = {name: offer.locked for name, offer in sorted(self._found.items()) if name not in self._locked}
        changed = {
            name: offer.locked
            for name, offer in sorted(self._found.items())
            if name in self._locked and self._locked[name] != offer.locked
        }
        kept = tuple(sorted(self._found.keys() - new.keys() - changed.keys()))
        problems = tuple(sorted(self._problems, key=lambda each: (each.mark or Mark(0, 0), each.text)))
        once = tuple({each.text: each for each in reversed(problems)}.values())[::-1]  # a registry that is not there
        outcome = LockOutcome(new, changed, kept, tuple(sorted(self._folder)), once)
        if self._found and not outcome.failed and not self._wish.check:
            replace = self._wish.update or bool(self._wish.from_git)
            self._orbs.put_on_record(self._found, vendor=self._wish.vendor, replace=replace)
        return outcome


def _with_references(listed: Iterable[Import]) -> list[Import]:
    return [one for one in listed if one.reference]
