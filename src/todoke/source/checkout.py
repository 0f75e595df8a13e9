"""All that a commit's files need beside its own mirror, fetched before they are read: submodules, large files."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import pygit2

from todoke.model.errors import Blocked, DeliveryError
from todoke.source.large_files import LONGEST_POINTER, Pointer, pointer_of
from todoke.source.repository import Repository
from todoke.source.submodules import Submodule, submodules_of, url_of
from todoke.source.tree import CommitTree, Objects
from todoke.source.urls import locate

_DEEPEST = 10  # submodules inside of submodules
_MOST_MODULES = 100
_STILL_FAILING = 60.0  # seconds for which what could not be fetched is not tried again
_MOST_FAILURES, _MOST_FOLDERS = 10_000, 200_000  # that are remembered
_BREATH = 500  # folders that are walked before others have a turn

Permitted = Callable[[str], bool]
"""Whether a repository's URL may be read."""
Checked = Callable[[str], Awaitable[None]]
"""Raises Blocked where a file may not name a repository's URL."""


class Gate(msgspec.Struct, frozen=True):
    """What is asked before a submodule's repository is."""

    permitted: Permitted | None = None
    checked: Checked | None = None


class Checkouts:
    """Makes trees of commits. What cannot be fetched is an error only for who reads it."""

    def __init__(
        self,
        repository_of: Callable[[str], Repository],
        objects_of: Callable[[Repository], Objects],
        folders: dict[str, pygit2.Tree],
    ) -> None:
        self._repository_of, self._objects_of, self._folders = repository_of, objects_of, folders
        self._failed: dict[tuple[str, str], tuple[float, DeliveryError]] = {}
        self._pointers: dict[str, tuple[Pointer, ...]] = {}  # of all files beneath a folder, by its id

    async def tree(self, repository: Repository, root: pygit2.Oid, sha: str, gate: Gate) -> CommitTree:
        """The files of a commit whose root folder is known."""
        objects = self._objects_of(repository)
        alone = CommitTree(objects, root, sha[:8], self._folders)
        modules: dict[str, Objects] = {}
        await self._add_modules(alone, repository, ("", 1, gate), modules)
        await self._fetch_large(repository, objects, str(root))
        return CommitTree(objects, root, sha[:8], self._folders, modules) if modules else alone

    async def _add_modules(
        self,
        tree: CommitTree,
        parent: Repository,
        place: tuple[str, int, Gate],
        found: dict[str, Objects],
    ) -> None:
        """Put the submodules of one commit, and those inside of them, into `found`."""
        prefix, depth, _ = place
        declared = submodules_of(tree)
        room = _MOST_MODULES - len(found)
        for module in declared:
            if depth > _DEEPEST or room <= 0:
                most = f"{_DEEPEST} inside of each other" if depth > _DEEPEST else f"{_MOST_MODULES} in a commit"
                problem = f"the submodule {prefix}{module.path} is not read: at most {most} are"
                found[prefix + module.path] = _failing(Blocked(parent.location.subject, problem))
            room -= 1
        taken = [module for module in declared if prefix + module.path not in found]
        for module in taken:
            found[prefix + module.path] = _failing(Blocked(parent.location.subject, "is being fetched"))
        await asyncio.gather(*(self._add_module(module, parent, place, found) for module in taken))

    async def _add_module(
        self,
        module: Submodule,
        parent: Repository,
        place: tuple[str, int, Gate],
        found: dict[str, Objects],
    ) -> None:
        prefix, depth, gate = place
        path = prefix + module.path
        try:
            repository = await self._chosen(module, parent, gate)
            await self._fetch_commit(module, repository)
            objects = self._objects_of(repository)
            root = _root_of(module, repository, objects)
            found[path] = objects
            inside = CommitTree(objects, root, "", self._folders)
            await self._add_modules(inside, repository, (f"{path}/", depth + 1, gate), found)
            await self._fetch_large(repository, objects, str(root))
        except DeliveryError as error:
            found[path] = _failing(error)

    async def _chosen(self, module: Submodule, parent: Repository, gate: Gate) -> Repository:
        url = url_of(module, parent.location)
        if gate.permitted is not None and not gate.permitted(url):
            where = f"the submodule {module.path} of {parent.location.subject}"
            problem = f"it is {where}, and the project does not permit it"
            raise Blocked(locate(url).subject, problem, next_step="Add it to sourceRepos of the AppProject")
        if gate.checked is not None:
            await gate.checked(url)
        return self._repository_of(url)

    async def _fetch_commit(self, module: Submodule, repository: Repository) -> None:
        """Raises: DeliveryError: the commit cannot be had."""
        if not repository.mirror.lacks([module.commit]):
            return
        place = (repository.location.url, module.commit)
        if (recent := self._recent(place)) is not None:
            raise recent.with_traceback(None)
        try:
            await repository.look()
            if repository.mirror.lacks([module.commit]):
                await repository.fetch_commit(module.commit)
            if repository.mirror.lacks([module.commit]):
                problem = f"it has no commit {module.commit[:8]}, at which it is the submodule {module.path}"
                raise Blocked(repository.location.subject, problem, next_step="Push that commit there")
        except DeliveryError as error:
            self._remember(place, error)
            raise

    async def _fetch_large(self, repository: Repository, objects: Objects, root: str) -> None:
        """Fetch the large files beneath a folder; why one could not be is kept for who reads it."""
        if objects.large is None:
            return
        pointers = await self._pointers_in(objects, root)
        wanted = objects.large.lacks(objects.large.affordable(pointers))
        due = [one for one in wanted if self._recent((repository.location.url, one.oid)) is None]
        if due:
            await repository.fetch_large(objects.large, due)
        for pointer in due:
            if (failed := objects.large.errors.get(pointer.oid)) is not None:
                self._remember((repository.location.url, pointer.oid), failed)

    async def _pointers_in(self, objects: Objects, root: str) -> tuple[Pointer, ...]:
        """The pointers beneath a folder. A folder that was walked once is not walked again."""
        if len(self._pointers) > _MOST_FOLDERS:
            self._pointers = {}
        known, pending, walked = self._pointers, [root], 0
        while pending:
            folder = pending[-1]
            if folder in known:
                pending.pop()
                continue
            with objects.reading():
                below, here = _look_into(objects.opened(), folder)
            if unknown := [one for one in below if one not in known]:
                pending.extend(unknown)
            else:
                nested = [pointer for one in below for pointer in known[one]]
                known[folder] = tuple(dict.fromkeys([*here, *nested]))
            walked += 1
            if walked % _BREATH == 0:
                await asyncio.sleep(0)
        return known[root]

    def _recent(self, place: tuple[str, str]) -> DeliveryError | None:
        at, error = self._failed.get(place, (float("-inf"), None))
        return error if time.monotonic() - at < _STILL_FAILING else None

    def _remember(self, place: tuple[str, str], error: DeliveryError) -> None:
        if len(self._failed) > _MOST_FAILURES:
            self._failed.clear()
        self._failed[place] = (time.monotonic(), error)

    def forget_failures(self) -> None:
        """Try again what failed; the credentials have changed."""
        self._failed.clear()


def _root_of(module: Submodule, repository: Repository, objects: Objects) -> pygit2.Oid:
    with objects.reading():
        found = objects.opened()[module.commit]
        if found.type != pygit2.enums.ObjectType.COMMIT:
            problem = f"{module.commit[:8]}, at which it is the submodule {module.path}, is no commit"
            raise Blocked(repository.location.subject, problem)
        return found.peel(pygit2.Commit).tree_id


def _look_into(repository: pygit2.Repository, folder: str) -> tuple[list[str], list[Pointer]]:
    """The folders in a folder, and the pointers among its files."""
    below, here = [], []
    for entry in repository[folder].peel(pygit2.Tree):
        if entry.filemode == pygit2.enums.FileMode.TREE:
            below.append(str(entry.id))
        elif entry.filemode in _FILES and repository.odb.read_header(entry.id)[1] <= LONGEST_POINTER:
            pointer = pointer_of(repository[entry.id].peel(pygit2.Blob).data)
            here.extend([pointer] if pointer else [])
    return below, here


_FILES = (pygit2.enums.FileMode.BLOB, pygit2.enums.FileMode.BLOB_EXECUTABLE)


def _failing(error: DeliveryError) -> Objects:
    def nothing() -> pygit2.Repository:
        raise error

    return Objects(nothing, error=error)
