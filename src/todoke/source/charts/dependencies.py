"""What a chart depends on and does not bring along. Source: Helm, "Chart Dependencies"; `helm dependency build`."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec
import yaml

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.model.trees import Astray, Found, Tree
from todoke.source.charts.overlaid import OverlaidTree
from todoke.source.charts.packing import BadChart, packed
from todoke.source.charts.shallow_yaml import load

_LOCAL = "file://"
_FILE_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_LARGEST = 1024 * 1024
_MOST, _DEEPEST = 200, 10
_NOTHING = frozenset(("", "~", "null"))


class Dependency(msgspec.Struct, frozen=True):
    """A chart that has to be fetched.

    Attributes: version: a version or constraint. locked: the exact version of the lock file, "" where it names none.
    """

    name: str
    version: str
    repository: str
    alias: str = ""
    locked: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it lies in the same tree."""
        return self.repository.startswith(_LOCAL)


class Fetching(Protocol):
    """What `Charts` does for dependencies."""

    async def resolve(self, repo_url: str, chart: str, wanted: str) -> str: ...

    async def archive(self, repo_url: str, chart: str, version: str) -> bytes: ...

    async def fits(self, constraint: str, version: str) -> bool: ...


def needed(chart: str, requirements: str | None, lock: str | None, present: Iterable[str]) -> tuple[Dependency, ...]:
    """The dependencies that are not in `charts/`, each once.

    Args:
        chart, requirements, lock: the texts of Chart.yaml, requirements.yaml (of charts with apiVersion v1) and
            Chart.lock or requirements.lock.
        present: the names in `charts/`.
    Raises: BadChart: a text cannot be read; a dependency names no place that can be read.
    """
    source = "Chart.yaml" if requirements is None else "requirements.yaml"
    declared = _listed(chart if requirements is None else requirements, source)
    locked = {
        (_text(entry, "name"), _text(entry, "repository")): _text(entry, "version")
        for entry in (_listed(lock, "lock file") if lock is not None else ())
    }
    counts: dict[tuple[str, str], int] = {}
    for entry in declared:
        key = _text(entry, "name"), _text(entry, "repository")
        counts[key] = counts.get(key, 0) + 1
    names = list(present)
    found: dict[Dependency, None] = {}
    for entry in declared:
        name, repository = _text(entry, "name"), _text(entry, "repository")
        if _is_present(name, names):
            continue
        only = counts[name, repository] == 1  # of two versions of one chart, the lock does not tell which is which
        dependency = Dependency(
            name,
            _text(entry, "version"),
            repository,
            _text(entry, "alias"),
            locked.get((name, repository), "") if only else "",
        )
        _check(dependency, source)
        found[dependency] = None
    if len(found) > _MOST:
        raise BadChart(f"has more than {_MOST} dependencies")
    return tuple(found)


async def with_dependencies(tree: Tree, path: str, charts: Fetching) -> Tree:
    """A tree that shows a chart's dependencies in its `charts/`, as archives; the same tree when nothing is missing.

    Dependencies with `file://` are packed with their own dependencies.

    Args: path: of the chart's folder.
    Raises: Blocked: a dependency cannot be had, names the chart and it. Unreachable: no answer in time. Astray: there
        is no such folder.
    """
    folder = tree.find(path)
    added = await _missing(tree, folder, charts, ())
    if not added:
        return tree
    place = _charts_folder(tree, folder)
    return OverlaidTree(tree, {f"{place}/{name}": data for name, data in added.items()})


async def _missing(tree: Tree, folder: Found, charts: Fetching, above: tuple[str, ...]) -> dict[str, bytes]:
    """The archives that a chart's `charts/` lacks, by file name."""
    subject = f"Chart {folder.path or '.'}"
    if len(above) > _DEEPEST or folder.path in above:
        raise Blocked(subject, "depends on itself", next_step="Remove one of the file:// dependencies")
    try:
        wanted = needed(*_texts(tree, folder), _present(tree, folder))
    except BadChart as error:
        raise Blocked(subject, str(error), next_step="Correct the chart") from error
    tasks = []
    try:
        async with asyncio.TaskGroup() as group:
            for each in wanted:
                if each.is_local:
                    made = _packed(tree, folder, each, charts, (*above, folder.path))
                else:
                    made = _fetched(each, charts)
                tasks.append(group.create_task(_named(subject, each, made)))
    except BaseExceptionGroup as errors:
        raise next((one for one in errors.exceptions if isinstance(one, DeliveryError)), errors) from None
    return dict(task.result() for task in tasks)


async def _named(subject: str, dependency: Dependency, made: Any) -> tuple[str, bytes]:
    """What a dependency comes to; its errors name the chart that wants it."""
    try:
        version, data = await made
    except DeliveryError as error:
        told = str(error).replace(f" {error.field}: ", ": ", 1) if error.field else str(error)
        kind = Unreachable if isinstance(error, Unreachable) else Blocked
        raise kind(subject, f"its dependency {dependency.name} cannot be had: {told}") from error
    name = f"{dependency.name}-{version}.tgz"
    if not _FILE_NAME.fullmatch(name):
        problem = f'its dependency {dependency.name} has the version "{version}", which is none'
        raise Blocked(subject, problem, next_step="Correct the version")
    return name, data


async def _fetched(dependency: Dependency, charts: Fetching) -> tuple[str, bytes]:
    version = dependency.locked
    if version:
        await _check_fit(dependency, version, "the lock file has", charts)
    else:
        version = await charts.resolve(dependency.repository, dependency.name, dependency.version)
    return version, await charts.archive(dependency.repository, dependency.name, version)


async def _packed(
    tree: Tree, folder: Found, dependency: Dependency, charts: Fetching, above: tuple[str, ...]
) -> tuple[str, bytes]:
    path = dependency.repository.removeprefix(_LOCAL)
    subject = f"Dependency {dependency.repository}"
    try:
        place = tree.find(path, folder)
        text = _read(tree, place, "Chart.yaml")
        if text is None:
            raise Blocked(subject, "is no chart: it has no Chart.yaml", next_step="Correct its path")
        version = _text(_map(text, "Chart.yaml"), "version")
        await _check_fit(dependency, version, "it is", charts)
        own = await _missing(tree, place, charts, above)
        return version, packed(tree, place, dependency.name, {f"charts/{name}": data for name, data in own.items()})
    except Astray as error:
        raise Blocked(subject, error.problem, next_step="Correct its path") from error
    except BadChart as error:
        raise Blocked(subject, str(error), next_step="Correct that chart") from error


async def _check_fit(dependency: Dependency, version: str, what: str, charts: Fetching) -> None:
    if not await charts.fits(dependency.version, version):
        problem = f'{what} {version}, which "{dependency.version}" does not allow'
        step = "Run helm dependency update, and commit what it writes"
        raise Blocked(f"Dependency {dependency.name}", problem, next_step=step)


def _check(dependency: Dependency, source: str) -> None:
    """Raises: BadChart: a dependency cannot be fetched from where it says it is."""
    name, repository = dependency.name, dependency.repository
    if not _FILE_NAME.fullmatch(name):
        raise BadChart(f'declares in {source} a dependency called "{name}", which is no chart\'s name')
    if not repository:
        problem = f"declares {name} in {source} without a repository, and there is no charts/{name}"
        raise BadChart(f"{problem}: commit it there, or add its repository")
    if repository.startswith(("@", "alias:")):
        problem = f"names the repository of {name} in {source} by the alias {repository}"
        raise BadChart(f"{problem}, which only one machine knows: write its URL")
    if repository.startswith(_LOCAL + "/"):
        problem = f"names {name} in {source} by {repository}"
        raise BadChart(f"{problem}, a folder of one machine: write a path relative to the chart")
    if not repository.startswith((_LOCAL, "https://", "http://", "oci://")):
        raise BadChart(f'names "{repository}" in {source} as the repository of {name}, which is no URL')


def _is_present(name: str, present: Iterable[str]) -> bool:
    archive = re.compile(re.escape(name) + r"-v?\d[^/]*\.(tgz|tar\.gz)")
    return any(each == name or archive.fullmatch(each) for each in present)


def _listed(text: str, source: str) -> list[Mapping[str, Any]]:
    entries = _map(text, source).get("dependencies", "")
    if isinstance(entries, str) and entries in _NOTHING:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadChart(f"has in its {source} dependencies that are no list of maps")
    return entries


def _map(text: str, source: str) -> Mapping[str, Any]:
    try:
        read = load(text.encode())
    except (yaml.YAMLError, ValueError) as error:
        raise BadChart(f"has a {source} that is not valid YAML") from error
    if read in (None, ""):
        return {}
    if not isinstance(read, dict):
        raise BadChart(f"has a {source} that is no map")
    return read


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name, "")
    return value.strip() if isinstance(value, str) and value not in _NOTHING else ""


def _texts(tree: Tree, folder: Found) -> tuple[str, str | None, str | None]:
    """Chart.yaml, requirements.yaml and the lock file. Raises: BadChart: there is no Chart.yaml."""
    chart = _read(tree, folder, "Chart.yaml")
    if chart is None:
        raise BadChart("has no Chart.yaml")
    requirements = _read(tree, folder, "requirements.yaml")
    lock = _read(tree, folder, "Chart.lock")
    return chart, requirements, lock if lock is not None else _read(tree, folder, "requirements.lock")


def _read(tree: Tree, folder: Found, name: str) -> str | None:
    try:
        found = tree.find(name, folder)
    except Astray as error:
        if error.missing:
            return None
        raise
    if found.is_folder or found.is_submodule or tree.size(found) > _LARGEST:
        raise BadChart(f"has a {name} that is no file, or is larger than 1 MiB")
    return tree.read(found).decode("utf-8", "replace")


def _present(tree: Tree, folder: Found) -> list[str]:
    try:
        found = tree.find("charts", folder)
    except Astray:
        return []
    return [name for name, _ in tree.entries(found)] if found.is_folder else []


def _charts_folder(tree: Tree, folder: Found) -> str:
    """The real path of a chart's `charts/`. Raises: Blocked: something else is called so."""
    try:
        found = tree.find("charts", folder)
    except Astray as error:
        if error.missing and dict(tree.entries(folder)).get("charts") is None:
            return f"{folder.path}/charts" if folder.path else "charts"
        raise Blocked(f"Chart {folder.path or '.'}", f"its charts/ {error.problem}", next_step="Remove it") from error
    if not found.is_folder:
        raise Blocked(f"Chart {folder.path or '.'}", "its charts is no folder", next_step="Remove it")
    return found.path
