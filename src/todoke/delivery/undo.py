"""Undo of a release. On an application that follows Git by itself undo is a commit, made and pushed for the person;
on one that is synced by hand an older revision is deployed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from todoke.delivery.query_ports import Desk
from todoke.delivery.reading import Subject
from todoke.delivery.render import Rendering
from todoke.delivery.status import stamp
from todoke.model.deliverables import DeliverableKey
from todoke.model.errors import Blocked, DeliveryError
from todoke.model.events import Undone
from todoke.model.sources import Reverted, RevertRequest

History = list[dict[str, Any]]


class UndoWish(msgspec.Struct, frozen=True):
    """Which revision shall be deployed again, and how. Without id and revision: the release before the present one."""

    id: int | None = None
    revision: str = ""
    push: bool = False  # to the tracked branch itself
    to_branch: str = ""  # topic branch to push to
    prune: bool = False  # only when no commit is made


class Choice(msgspec.Struct, frozen=True):
    """What an undo would do."""

    application: DeliverableKey
    uid: str
    source: int  # which of the sources
    bad: str
    good: str
    by_commit: bool
    branch: str = ""  # the tracked one
    push_to: str = ""  # "" = the tracked one
    prune: bool = False

    @property
    def sentence(self) -> str:
        """In words."""
        name, good, bad = self.application.name, self.good[:8], self.bad[:8]
        if not self.by_commit:
            return f"{name}: deploys {good} again instead of {bad}"
        branch = "the default branch" if self.branch in ("", "HEAD") else self.branch
        where = self.push_to or f"{branch}, which it follows"
        return f"{name}: a commit that takes its files from {bad} back to {good} goes to {where}"


class Releases:
    """What an application's history says of its releases."""

    def __init__(self, subject: Subject, rendering: Rendering, desk: Desk) -> None:
        self._subject, self._rendering, self._desk = subject, rendering, desk
        status = subject.body.get("status") or {}
        self._status: Mapping[str, Any] = status
        self._history: History = list(status.get("history") or ())

    async def choose(self, wish: UndoWish) -> Choice:
        """What an undo would do.

        Raises:
            Blocked: there is no earlier release, no such id, or several sources changed between the two.
        """
        deliverable = self._subject.deliverable
        bad = await self._present()
        good = await self._wanted(wish, bad)
        changed = [number for number in range(len(bad)) if bad[number] != good[number]]
        if not changed:
            raise Blocked(str(deliverable.key), f"{_short(good)} is what is deployed", next_step=_CHOOSE)
        if len(changed) > 1:
            changed = [number for number in changed if await self._differs(number, good, bad)]
        if len(changed) != 1:
            raise Blocked(
                str(deliverable.key),
                f"{len(changed)} of its sources changed between {_short(good)} and {_short(bad)}",
                next_step="Undo them one by one in their repositories",
            )
        number = changed[0]
        automated = deliverable.sync.automated
        if not automated and (wish.push or wish.to_branch):
            raise Blocked(
                str(deliverable.key),
                "it is synced by hand, so no commit is made",
                next_step="Leave out --push and --to-branch",
            )
        topic = wish.to_branch or f"todoke/undo-{deliverable.key.name}-{bad[number][:7]}"
        return Choice(
            application=deliverable.key,
            uid=deliverable.uid,
            source=number,
            bad=bad[number],
            good=good[number],
            by_commit=automated,
            branch=deliverable.sources[number].revision,
            push_to="" if wish.push else topic,
            prune=wish.prune,
        )

    async def _present(self) -> tuple[str, ...]:
        """What the application stands at: the revisions last compared with, else the newest ones.

        When an application that follows Git cannot be compared (a file does not parse), the newest are to be undone.
        """
        sync = self._status.get("sync") or {}
        broken = sync.get("status") == "Unknown" and self._subject.deliverable.sync.automated
        found = () if broken else _revisions(sync)
        return found or await self._rendering.revisions(self._subject.deliverable)

    async def _wanted(self, wish: UndoWish, bad: tuple[str, ...]) -> tuple[str, ...]:
        deliverable = self._subject.deliverable
        if wish.revision:
            if len(deliverable.sources) != 1:
                raise Blocked(str(deliverable.key), "it has several sources", next_step="Choose by id from its history")
            return await self._rendering.revisions(deliverable, (wish.revision,))
        if wish.id is not None:
            for entry in self._history:
                if entry.get("id") == wish.id:
                    return _revisions(entry)
            raise Blocked(str(deliverable.key), f"its history has no entry {wish.id}", next_step=_CHOOSE)
        for entry in reversed(self._history):
            found = _revisions(entry)
            if len(found) == len(bad) and found != bad and await self._other_inputs(found, bad):
                return found
        raise Blocked(
            str(deliverable.key), "its history has no earlier release", next_step="Name a commit with --revision"
        )

    async def _other_inputs(self, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        """Whether two revisions say different things for this application: a monorepo has many that do not."""
        deliverable = self._subject.deliverable
        try:
            for number, spec in enumerate(deliverable.sources):
                for sha in (one[number], other[number]):
                    await self._desk.source.latest(spec, sha)
            return not await self._rendering.same(deliverable, one, other)
        except DeliveryError:  # one of them is gone from the repository: not the same
            return True

    async def _differs(self, number: int, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        """Whether one of the sources says something else, the others being as they were."""
        only = tuple(other[at] if at == number else sha for at, sha in enumerate(one))
        return not await self._rendering.same(self._subject.deliverable, one, only)


async def revert(desk: Desk, rendering: Rendering, subject: Subject, choice: Choice, user: str) -> Reverted:
    """Make and push the commit. The ledger is told when it went to the tracked branch; elsewhere it is a proposal.

    It takes back what the application reads and nothing else: its folder, and the bases and value files that changed.

    Raises:
        Blocked: nothing to undo, no branch, no right to push, or conflicts when pushing to the tracked branch.
    """
    spec = subject.deliverable.sources[choice.source]
    path, *also = await _inputs(rendering, subject, choice)
    reverted = await desk.source.revert(
        RevertRequest(
            repo_url=spec.repo_url,
            branch=choice.branch,
            path=path,
            also=tuple(also),
            bad=choice.bad,
            good=choice.good,
            application=choice.application.name,
            requested_by=user,
            push_to=choice.push_to,
        )
    )
    if not choice.push_to:
        made = desk.source.commit(spec.repo_url, reverted.sha).date  # its own time: the same commit is the same fact
        await record(desk, choice, reverted.sha, user, datetime.fromisoformat(made).astimezone(UTC))
    return reverted


async def _inputs(rendering: Rendering, subject: Subject, choice: Choice) -> tuple[str, ...]:
    """The paths that the application reads of the repository, its folder first."""
    deliverable = subject.deliverable
    spec = deliverable.sources[choice.source]
    present = _revisions((subject.body.get("status") or {}).get("sync") or {})
    if len(present) != len(deliverable.sources):
        present = tuple(choice.good for _ in deliverable.sources)
    good = tuple(choice.good if number == choice.source else sha for number, sha in enumerate(present))
    try:
        elsewhere = await rendering.elsewhere(deliverable, good, choice.source)
    except DeliveryError:  # it cannot be rendered any more: its folder is what is known
        return (spec.path,)
    return elsewhere or (spec.path,) if spec.only_referenced else (spec.path, *elsewhere)


async def record(desk: Desk, choice: Choice, commit: str, user: str, at: datetime) -> None:
    """Write the undo into the ledger."""
    fact = Undone(choice.application, choice.uid, choice.bad, choice.good, commit, user, stamp(at))
    await desk.ledger().record([fact])


_CHOOSE = "Choose one of `todoke app history`"


def _revisions(entry: Mapping[str, Any]) -> tuple[str, ...]:
    several = entry.get("revisions")
    if several:
        return tuple(several)
    return (entry["revision"],) if entry.get("revision") else ()


def _short(revisions: tuple[str, ...]) -> str:
    return ",".join(revision[:8] for revision in revisions)
