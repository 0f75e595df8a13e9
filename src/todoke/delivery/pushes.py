"""Whom a push can concern. Pure: what is not certain concerns everybody, because a look is cheap."""

import re
from collections.abc import Iterable, Iterator, Mapping
from posixpath import normpath

from todoke.model.deliverables import Deliverable
from todoke.model.globs import BadGlob, path_match
from todoke.model.sources import place_of
from todoke.model.webhooks import Push

PATHS = "argocd.argoproj.io/manifest-generate-paths"

_PREFIXES = ("refs/heads/", "refs/tags/")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_RANGE = re.compile(r"v?\d|.*[*^~<>=|, ]")  # a version, a part of one, or a range of them
_WILD = re.compile(r"[*?\[\\]")
_MOST_MATCHED = 100  # files that one glob is held against; rather than with more, the application is looked at
_LONGEST_GLOB = 500
_MOST_PATHS = 50  # that one application names


def may_move(revision: str, push: Push) -> bool:
    """Whether a source that follows `revision` may be at another commit after a push.

    Branches and tags of one name are not told apart. Source: Argo CD, sourceRevisionHasChanged.
    """
    if not push.ref:
        return True
    if revision in ("", "HEAD"):
        return not push.default_branch or _short(push.ref) == push.default_branch
    if _short(revision) == _short(push.ref) or f"refs/{revision}" == push.ref:
        return True
    if _COMMIT.fullmatch(revision):
        return push.revision.startswith(revision)
    return not push.ref.startswith("refs/heads/") and _RANGE.match(_short(revision)) is not None


def _short(ref: str) -> str:
    for prefix in _PREFIXES:
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


class Spared:
    """Which applications some pushes leave alone, by the files they changed.

    An application names the paths that it is made of in the annotation `manifest-generate-paths`. That is believed
    only of a push that went from the commit which was rendered to the one that is there now: of any other, files that
    nobody told us of may have changed.
    """

    def __init__(self, pushes: Iterable[Push]) -> None:
        self._pushes = [
            (frozenset(map(place_of, push.urls)), push.before, push.revision, _Changed(push.changed))
            for push in pushes
            if push.changed and push.before and push.revision
        ]

    def spares(
        self, marks: Mapping[str, str], deliverable: Deliverable, before: tuple[str, ...], after: tuple[str, ...]
    ) -> bool:
        """Whether nothing that the application names changed between the revisions of its sources."""
        paths = [path.strip() for path in marks.get(PATHS, "").split(";") if path.strip()]
        if not 0 < len(paths) <= _MOST_PATHS or not self._pushes or len(before) != len(after):
            return False
        return all(
            old == new or self._untouched(place_of(spec.repo_url), (old, new), _absolute(paths, spec.path))
            for spec, old, new in zip(deliverable.sources, before, after, strict=True)
        )

    def _untouched(self, place: str, moved: tuple[str, str], paths: list[str]) -> bool:
        return any(
            place in places and moved == (before, revision) and not changed.touches(paths)
            for places, before, revision, changed in self._pushes
        )


def _absolute(paths: Iterable[str], folder: str) -> list[str]:
    """Paths from the repository's root, with a leading slash; those without one are relative to the source's folder."""
    return [_rooted(path if path.startswith("/") else f"{folder}/{path}") for path in paths]


def _rooted(path: str) -> str:
    return normpath(f"/{path.lstrip('/')}")


class _Changed:
    """The files that a push changed."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = [_rooted(file) for file in files]
        self._places = {place for file in self._files for place in _upwards(file)}
        self._globs: dict[str, bool] = {}

    def touches(self, paths: Iterable[str]) -> bool:
        """Whether one of the files is at one of the paths, in a folder there, or matches one as a glob."""
        return any(path in self._places or self._matches(path) for path in paths)

    def _matches(self, path: str) -> bool:
        wild = _WILD.search(path)
        if wild is None:
            return False
        if path not in self._globs:
            self._globs[path] = self._glob(path, path[: wild.start()])
        return self._globs[path]

    def _glob(self, glob: str, beginning: str) -> bool:
        """Whether a file matches, or that would take long to find out."""
        files = [file for file in self._files if file.startswith(beginning)]
        if len(files) > _MOST_MATCHED or len(glob) > _LONGEST_GLOB:
            return True
        try:
            return any(path_match(glob, file) for file in files)
        except BadGlob:
            return True


def _upwards(file: str) -> Iterator[str]:
    """A file and the folders it is in, up to the root."""
    while file != "/":
        yield file
        file = file.rpartition("/")[0] or "/"
    yield file
