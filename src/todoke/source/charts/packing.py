"""A chart's folder as the archive that Helm makes of it. Source: Helm, chartutil.Save and `.helmignore`."""

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping

import msgspec

from todoke.model.globs import BadGlob, path_match
from todoke.model.trees import Found, Tree

_MOST_FILES, _MOST_BYTES = 5000, 64 * 1024 * 1024
_IGNORE = ".helmignore"
_ALWAYS = "templates/.?*"


class BadChart(Exception):
    """A chart's folder cannot be used; the message finishes a sentence that begins with its name."""


class _Rule(msgspec.Struct, frozen=True):
    matches: Callable[[str], bool]
    negated: bool
    folders_only: bool


class Ignored:
    """The rules of a `.helmignore`. Source: Helm, pkg/ignore."""

    def __init__(self, text: str) -> None:
        """Raises: BadChart: a rule is not valid."""
        lines = [line.strip() for line in (*text.removeprefix("\ufeff").splitlines(), _ALWAYS)]
        self._rules = [_rule(line) for line in lines if line and not line.startswith("#")]

    def __call__(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path of the chart is left out."""
        for rule in self._rules:
            if rule.negated:
                if (rule.folders_only and not is_folder) or not rule.matches(path):
                    return True
            elif (is_folder or not rule.folders_only) and rule.matches(path):
                return True
        return False


def packed(tree: Tree, folder: Found, name: str, added: Mapping[str, bytes]) -> bytes:
    """A .tgz of a chart's folder, always the same for the same files.

    Args: name: of the chart. added: files beside its own, by path within it.
    Raises: BadChart: too large, or its .helmignore is not valid. Astray: a link leads out of the tree.
    """
    files = _files(tree, folder) | dict(added)
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _files(tree: Tree, folder: Found) -> dict[str, bytes]:
    """Contents by path within the chart; links are followed, as Helm follows them."""
    own = dict(tree.entries(folder))
    text = tree.read(tree.find(_IGNORE, folder)).decode("utf-8", "replace") if _IGNORE in own else ""
    ignored = Ignored(text)
    files: dict[str, bytes] = {}
    pending, looked, size = [("", folder)], 0, 0
    while pending:
        prefix, place = pending.pop()
        for name, _ in tree.entries(place):
            path, found = f"{prefix}{name}", tree.find(name, place)
            looked += 1
            if found.is_submodule or ignored(path, is_folder=found.is_folder):
                continue
            if found.is_folder:
                pending.append((f"{path}/", found))
                continue
            size += tree.size(found)
            if looked > _MOST_FILES or size > _MOST_BYTES:
                problem = f"holds more than {_MOST_FILES} files or {_MOST_BYTES // 1024 // 1024} MiB"
                raise BadChart(f"{problem}, too much for a dependency")
            files[path] = tree.read(found)
        if looked > _MOST_FILES:
            raise BadChart(f"holds more than {_MOST_FILES} files, too many for a dependency")
    return files


def _rule(line: str) -> _Rule:
    if "**" in line:
        raise BadChart(f'has a .helmignore with "{line}"; ** is not supported by Helm')
    rule = line.removeprefix("!")
    folders_only = rule.endswith("/")
    pattern = rule.removesuffix("/")
    try:
        path_match(pattern, "abc")
    except BadGlob as error:
        raise BadChart(f'has a .helmignore with "{line}", which is no pattern: {error}') from error

    def matches(path: str) -> bool:
        return path_match(pattern.removeprefix("/"), path if "/" in pattern else path.rpartition("/")[2])

    return _Rule(matches, line.startswith("!"), folders_only)
