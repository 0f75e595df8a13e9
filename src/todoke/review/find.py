"""What is delivered from a repository: its Applications and ApplicationSets, and kustomizations that no one names."""

from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath
from typing import Any

import msgspec

from todoke.model.trees import Astray, Found, Tree
from todoke.review.ports import Body, ReadDocuments

_MANIFEST = (".yaml", ".yml", ".json")
_MARK = b"argoproj.io/"
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART = "Chart.yaml"
_REFERENCES = ("resources", "bases", "components")
_LARGEST = 5 * 1024 * 1024


class Definition(msgspec.Struct, frozen=True):
    """An Application or an ApplicationSet, and the file that holds it."""

    body: Body
    origin: str


class Contents(msgspec.Struct, frozen=True):
    """What a tree holds. Attributes: kustomizations: folders that no other kustomization refers to."""

    applications: tuple[Definition, ...]
    sets: tuple[Definition, ...]
    kustomizations: tuple[str, ...]


class Finder:
    """Looks through trees; a file that both sides hold is read once."""

    def __init__(self, read: ReadDocuments) -> None:
        self._read = read
        self._known: dict[str, list[Body]] = {}

    def contents(self, tree: Tree) -> Contents:
        """All definitions in a tree, in the order of their paths."""
        applications: list[Definition] = []
        sets: list[Definition] = []
        folders: dict[str, Body] = {}
        found = [*files(tree)]
        templates = tuple(f"{dirname(path)}/templates/".lstrip("/") for path, _ in found if path.endswith(_CHART))
        for path, file in found:
            name = path.rpartition("/")[2]
            if path.startswith(templates):  # of a chart: what it holds is known when it is rendered
                continue
            if name in _KUSTOMIZATIONS:
                folders[dirname(path)] = next(iter(self._documents(tree, path, file, b"")), {})
            elif name.endswith(_MANIFEST):
                for body in self._documents(tree, path, file, _MARK):
                    _sort_in(Definition(body, path), applications, sets)
        return Contents(tuple(applications), tuple(sets), tuple(_roots(folders)))

    def _documents(self, tree: Tree, path: str, file: Found, mark: bytes) -> list[Body]:
        key = f"{file.id} {path.rpartition('.')[2]}"
        if key not in self._known:
            data = tree.read(file) if tree.size(file) <= _LARGEST else b""
            self._known[key] = self._read(path, data) if mark in data else []
        return self._known[key]


def is_definition(body: Mapping[str, Any], kind: str) -> bool:
    """Whether a body is Argo CD's object of a kind."""
    return body.get("kind") == kind and str(body.get("apiVersion", "")).startswith("argoproj.io/")


def _sort_in(definition: Definition, applications: list[Definition], sets: list[Definition]) -> None:
    metadata = definition.body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(definition.body.get("spec"), dict):
        return
    if is_definition(definition.body, "Application") and metadata.get("name"):
        applications.append(definition)
    elif is_definition(definition.body, "ApplicationSet") and metadata.get("name"):
        sets.append(definition)


def _roots(kustomizations: Mapping[str, Body]) -> Iterator[str]:
    """The folders of kustomizations that are no components and that no other one builds upon."""
    used = set()
    for folder, body in kustomizations.items():
        for field in _REFERENCES:
            listed = body.get(field)
            for each in listed if isinstance(listed, list) else ():
                used.add(_clean(join(folder, str(each))))
    for folder, body in kustomizations.items():
        if folder not in used and body.get("kind", "Kustomization") == "Kustomization":
            yield folder


def _clean(path: str) -> str:
    clean = normpath(path)
    return "" if clean == "." else clean


def files(tree: Tree) -> Iterator[tuple[str, Found]]:
    """All files of a tree with their paths, in lexical order within each folder; links to files are followed."""
    pending = [("", tree.root)]
    while pending:
        prefix, folder = pending.pop()
        inner = []
        for name, entry in tree.entries(folder):
            path = f"{prefix}/{name}" if prefix else name
            if entry.is_folder:
                inner.append((path, entry))
            elif entry.is_link:
                if (found := _file(tree, path)) is not None:
                    yield path, found
            elif not entry.is_submodule:
                yield path, entry
        pending += reversed(inner)


def _file(tree: Tree, path: str) -> Found | None:
    try:
        found = tree.find(path)
    except Astray:
        return None
    return None if found.is_folder or found.is_submodule else found
