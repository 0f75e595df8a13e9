"""Builds a kustomization that names things elsewhere: the engine says what it lacks, that is fetched, it runs again.

The engine opens no connection. It is given the files of remote bases and charts as trees mounted into the commit's,
and single files by their URL (docs/decisions/0032).
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from todoke.model.errors import Blocked, DeliveryError
from todoke.model.remotes import Elsewhere, RemoteBase, RemoteChart
from todoke.model.sources import shown_url
from todoke.model.trees import Look, Tree
from todoke.render.mounted import PLACE, MountedTree
from todoke.render.reader import Reader
from todoke.render.worker import EngineFailed, Output

MOST_ROUNDS, MOST_REMOTES = 5, 50
_MOST_BYTES = 64 * 1024 * 1024
_AT_ONCE = 8

Wanted = Mapping[str, str]


class Engines(Protocol):
    """Runs the engines. Implemented by todoke.render.worker."""

    async def run(self, request: Mapping[str, Any], tree: Tree) -> Output: ...
    async def identity(self) -> str: ...


class NotHad(Exception):
    """What is wanted from elsewhere cannot be had now. Attributes: error: what to tell."""

    def __init__(self, error: Blocked) -> None:
        super().__init__(str(error))
        self.error = error


class Build:
    """One rendering of a kustomization, with what was fetched for it so far."""

    def __init__(self, reader: Reader, request: Mapping[str, Any], elsewhere: Elsewhere | None) -> None:
        self._reader, self._request, self._elsewhere = reader, request, elsewhere
        self._where = f"{reader.subject}, {request['path'] or '.'}"
        self._trees: dict[str, Tree] = {}
        self._repositories: dict[str, dict[str, str]] = {}
        self._files: dict[str, bytes] = {}
        self._charts: dict[str, str] = {}

    @property
    def request(self) -> dict[str, Any]:
        """What the engine is asked, with all that was fetched."""
        fetched = {"repositories": self._repositories, "files": self._files, "charts": self._charts}
        return {**self._request, "elsewhere": fetched}

    @property
    def tree(self) -> Tree:
        """The commit's files, with the trees that were fetched."""
        tree = self._reader.checkout.tree
        return MountedTree(tree, self._trees) if self._trees else tree

    def note(self, looks: Sequence[Look]) -> None:
        """Remember the looks at the commit itself: what lies elsewhere is no input that could be asked again."""
        self._reader.looks.update((look, None) for look in looks if not look.path.startswith(PLACE))

    async def fetch(self, wanted: Sequence[Wanted], round_number: int) -> None:
        """Fetch what the engine lacked.

        Raises: NotHad: it cannot be, or is too much. Unreachable: no answer in time.
        """
        if self._elsewhere is None or self._reader.checkout.offline:
            what = _name_of(wanted[0])
            raise self._blocked(f"it needs {what}, which is not fetched offline", "Leave --offline away")
        if round_number > MOST_ROUNDS:
            problem = f"its remote bases name others more than {MOST_ROUNDS} deep, the last one {_name_of(wanted[0])}"
            raise self._blocked(problem, "Name the last of them directly")
        if len(self._repositories) + len(self._files) + len(self._charts) + len(wanted) > MOST_REMOTES:
            problem = f"it names more than {MOST_REMOTES} things elsewhere"
            raise self._blocked(problem, "Commit some of them")
        turns = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                for each in wanted:
                    group.create_task(_in_turn(turns, self._one(each, self._elsewhere)))
        except BaseExceptionGroup as errors:
            error = next((one for one in errors.exceptions if isinstance(one, DeliveryError)), None)
            if error is None:
                raise
            if isinstance(error, Blocked):
                raise NotHad(Blocked(self._where, str(error))) from error
            raise error from None
        if sum(map(len, self._files.values())) > _MOST_BYTES:
            problem = f"the files that it names elsewhere are larger than {_MOST_BYTES // 1024**2} MiB together"
            raise self._blocked(problem, "Commit some of them")

    async def _one(self, wanted: Wanted, elsewhere: Elsewhere) -> None:
        permitted = self._reader.checkout.permitted
        if wanted["kind"] == "chart":
            chart = RemoteChart(wanted["repo"], wanted["name"], wanted["version"], wanted["devel"] == "true")
            key = "\n".join((chart.repo, chart.name, chart.version, wanted["devel"]))
            self._charts[key] = self._mounted(await elsewhere.chart(chart, permitted))
        elif wanted["kind"] == "file":
            data = await elsewhere.file(wanted["url"], permitted)
            if data is None:
                raise Blocked(_name_of(wanted), "is not there (HTTP 404)", next_step="Correct the URL")
            self._files[wanted["url"]] = data
        else:
            base = RemoteBase(wanted["url"], wanted["file"], wanted["repo"], wanted["path"], wanted["ref"])
            found = await elsewhere.base(base, permitted)
            if isinstance(found, bytes):
                self._files[base.file] = found
            else:
                self._repositories[base.url] = {"root": self._mounted(found), "path": base.path}

    def _mounted(self, tree: Tree) -> str:
        """Where a tree lies; the same tree lies in one place."""
        for place, known in self._trees.items():
            if known is tree:
                return place
        place = f"{PLACE}{len(self._trees)}"
        self._trees[place] = tree
        return place

    def _blocked(self, problem: str, next_step: str) -> NotHad:
        return NotHad(Blocked(self._where, problem, next_step=next_step))


async def fetch_values(reader: Reader, elsewhere: Elsewhere | None, urls: Sequence[str]) -> None:
    """Put value files that lie elsewhere into `reader.fetched`.

    Raises: NotHad: one of them cannot be had now. Unreachable: no answer in time.
    """
    for url in urls:
        if elsewhere is None or reader.checkout.offline:
            problem, step = f"{shown_url(url)} is not fetched offline", "Leave --offline away"
            raise NotHad(Blocked(reader.subject, problem, field="spec.source.helm.valueFiles", next_step=step))
        try:
            reader.fetched[url] = await elsewhere.file(url, reader.checkout.permitted)
        except Blocked as error:
            raise NotHad(Blocked(reader.subject, str(error), field="spec.source.helm.valueFiles")) from error


async def _in_turn(turns: asyncio.Semaphore, work: Awaitable[None]) -> None:
    async with turns:
        await work


def _name_of(wanted: Wanted) -> str:
    if wanted["kind"] == "chart":
        return f"the chart {wanted['name']} of {shown_url(wanted['repo'])}"
    return shown_url(wanted["url"])


async def built(engines: Engines, build: Build) -> Output:
    """What the engine makes of a kustomization, once it lacks nothing.

    Raises: EngineFailed: it refused. NotHad, Unreachable: something cannot be fetched.
    """
    for round_number in range(1, MOST_ROUNDS + 2):
        try:
            output = await engines.run(build.request, build.tree)
        except EngineFailed as error:
            build.note(error.looks)
            if not error.wanted:
                raise EngineFailed(error.text, error.missing) from error
            await build.fetch(error.wanted, round_number)
        else:
            build.note(output.looks)
            return Output(output.data, ())
    raise AssertionError("unreachable")
