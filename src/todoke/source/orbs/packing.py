"""An orb in many files as one text. Source: CircleCI, "Orb authoring", "Orb packing"; `circleci orb pack`.

A folder with `@orb.yml` and the folders commands, jobs, executors and examples, in which each file is one element;
`<<include(scripts/x.sh)>>` is replaced by a file of the folder, in which `<<` is escaped.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from todoke.model.errors import Blocked
from todoke.model.orb_locks import LARGEST_ORB, OrbFiles, OrbPart

ROOT: Final = "@orb.yml"
SECTIONS: Final = ("commands", "jobs", "executors", "examples")
MOST_VALUES: Final = 250_000
DEEPEST: Final = 100
_MERGE: Final = "tag:yaml.org,2002:merge"
_INCLUDE = re.compile(r"<<\s*include\(\s*([^)]+?)\s*\)\s*>>")


class _Plain(yaml.SafeLoader):
    """Scalars as they are written: `on` and `1.10` must come out of packing as they went in."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag in (_MERGE, "tag:yaml.org,2002:null")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_unpacked(folder: Path) -> bool:
    """Whether a folder holds an orb in many files."""
    return (folder / ROOT).is_file()


def packed(folder: Path) -> str:
    """The one text of an orb's folder.

    Raises: Blocked: a file cannot be read, is no YAML, or an include leads out of the folder.
    """
    _check_unpacked(folder)
    whole = _tree(folder / ROOT, folder)
    for section, path in _elements(folder):
        elements = whole.get(section)
        if not isinstance(elements, dict):
            elements = whole[section] = {}
        elements[path.stem] = _tree(path, folder)
    text: str = yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30)
    if len(text) > LARGEST_ORB:
        raise Blocked(str(folder), f"is larger than {LARGEST_ORB // 1024 // 1024} MiB when packed")
    return text


def unpacked(place: Path) -> OrbFiles:
    """An orb as it lies there, in one file or in a folder, nothing of it understood yet.

    Raises: Blocked: a file cannot be read, or an include leads out of the folder.
    """
    if not place.is_dir():
        return OrbFiles((OrbPart("", "", "", _read(place)),))
    _check_unpacked(place)
    parts = [OrbPart("", "", str(place / ROOT), _read(place / ROOT))]
    parts += [OrbPart(section, path.stem, str(path), _read(path)) for section, path in _elements(place)]
    named = {(match[1], part.file) for part in parts for match in _INCLUDE.finditer(part.text)}
    return OrbFiles(tuple(parts), {name: _included(name, place, Path(file)) for name, file in sorted(named)})


def _check_unpacked(folder: Path) -> None:
    if not is_unpacked(folder):
        raise Blocked(str(folder), f"is no folder of an orb: there is no {ROOT}", next_step=f"Name one with {ROOT}")


def _elements(folder: Path) -> Iterator[tuple[str, Path]]:
    for section in SECTIONS:
        place = folder / section
        for path in sorted(place.rglob("*.y*ml")) if place.is_dir() else ():
            yield section, path


def _tree(path: Path, root: Path) -> dict[str, Any]:
    text = _read(path)
    try:
        node = yaml.compose(text, Loader=_Plain)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise Blocked(f"{path}{where}", "is no YAML", next_step="Correct it") from error
    except RecursionError as error:
        raise Blocked(str(path), f"has more than {DEEPEST} levels") from error
    found = _Reading(root, path).value(node, 0)
    if not isinstance(found, dict):
        raise Blocked(str(path), "must hold a map", next_step="Correct it")
    return found


class _Scalar(str):
    """Text with the way it was written: a plain `true` stays one."""

    plain: bool

    def __new__(cls, text: str, *, plain: bool) -> "_Scalar":
        made = super().__new__(cls, text)
        made.plain = plain
        return made


class _Reading:
    """Makes values of one file's nodes; what aliases come to when they are written out is bounded."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root, self._path = root, path
        self._count = 0

    def value(self, node: Any, depth: int) -> Any:
        """The value of a node."""
        self._count += 1
        if self._count > MOST_VALUES or depth > DEEPEST:
            limit = f"{MOST_VALUES:,} values" if self._count > MOST_VALUES else f"{DEEPEST} levels"
            raise Blocked(str(self._path), f"has more than {limit} with its aliases written out")
        if node is None:
            return {}
        if isinstance(node, yaml.MappingNode):
            return self._map(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        text = node.value
        if _INCLUDE.search(text):
            return _Scalar(_INCLUDE.sub(lambda match: _included(match[1], self._root, self._path), text), plain=False)
        return _Scalar(text, plain=node.style is None)

    def _map(self, node: Any, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, item in node.value:
            found = self.value(item, depth + 1)
            if key.tag != _MERGE:
                own[str(key.value)] = found
                continue
            for each in found if isinstance(found, list) else (found,):
                if not isinstance(each, dict):
                    raise Blocked(f"{self._path}, line {key.start_mark.line + 1}", "<< merges a map or a list of maps")
                merged = each | merged
        return merged | own


def _included(name: str, root: Path, path: Path) -> str:
    place = (root / name.strip("\"'")).resolve()
    if not place.is_relative_to(root.resolve()):
        raise Blocked(str(path), f"includes {name}, which is not in {root}", next_step="Move it there")
    return _read(place).rstrip("\n").replace("<<", "\\<<")


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_ORB:
            raise Blocked(str(path), f"is larger than {LARGEST_ORB // 1024 // 1024} MiB")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Blocked(str(path), f"cannot be read: {reason}") from error


class _Dumper(yaml.SafeDumper):
    """Plain scalars stay plain, texts of several lines are blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represented(dumper: Any, value: _Scalar) -> Any:
    resolved = dumper.resolve(yaml.ScalarNode, str(value), (True, False))
    if value.plain:
        return yaml.ScalarNode(resolved, str(value))
    style = "|" if "\n" in value else None if resolved == _STRING else '"'
    return dumper.represent_scalar(_STRING, str(value), style=style)


_STRING: Final = "tag:yaml.org,2002:str"
_Dumper.add_representer(_Scalar, _represented)
