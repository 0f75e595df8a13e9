"""The plugins that a folder defines, read once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from todoke.model.errors import Blocked
from todoke.render.kubernetes_yaml import NotYaml, load
from todoke.render.plugins.definition import Plugin, plugin_of

FIELD: Final = "--plugins-folder"
_LARGEST: Final = 1024 * 1024


def read_plugins(folder: Path) -> tuple[Plugin, ...]:
    """The plugins, sorted by name: every `*.yaml` in the folder, and `plugin.yaml` of each folder in it.

    Names that begin with a dot are passed over: a mounted ConfigMap has such.
    Raises: Blocked: there is no such folder, or something is wrong with a file; names all that is.
    """
    try:
        files = [*_files(folder)]
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise Blocked(f"{FIELD} {folder}", problem, next_step="Name the folder that the plugins lie in") from error
    found: dict[str, Plugin] = {}
    where: dict[str, Path] = {}
    problems = []
    for file in files:
        read = _read(file)
        if isinstance(read, Plugin) and read.name in where:
            read = [f"metadata.name: {read.name} is defined by {_shown(where[read.name], folder)} too"]
        if isinstance(read, Plugin):
            found[read.name], where[read.name] = read, file
        else:
            problems += [f"{_shown(file, folder)} {problem}" for problem in read]
    if problems:
        raise Blocked(f"{FIELD} {folder}", "; ".join(problems), next_step="Correct the files")
    return tuple(found[name] for name in sorted(found))


def _files(folder: Path) -> Iterator[Path]:
    for place in sorted(folder.iterdir()):
        if place.name.startswith("."):
            continue
        if place.is_dir():
            place = place / "plugin.yaml"
        if place.suffix == ".yaml" and place.is_file():
            yield place


def _read(file: Path) -> Plugin | list[str]:
    try:
        if file.stat().st_size > _LARGEST:
            return [f"is larger than {_LARGEST // 1024} KiB"]
        return plugin_of(load(file.read_bytes()))
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    except NotYaml as error:
        return [f"line {error.line}: {error.problem}"]


def _shown(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()
