"""Which files of a folder are manifests. Source of the rules: Argo CD, "Directory" applications."""

import difflib
import re
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from todoke.model.errors import Blocked
from todoke.model.globs import BadGlob, glob_match
from todoke.model.sources import SourceFile, SourceSpec
from todoke.model.trees import Astray, Found, Tree
from todoke.render.lfs import IN_LFS, is_lfs_pointer

LARGEST_SOURCE = 10 * 1024 * 1024
"""Bytes of all files together. Source: Argo CD, reposerver.max.combined.directory.manifests.size."""
_MOST_ENTRIES = 200_000
_MOST_LISTINGS = 20_000
_MANIFEST = re.compile(r"\.(yaml|yml|json|jsonnet)\Z")
_PATH = "spec.source.path"


class Listing(msgspec.Struct, frozen=True):
    """The files that a source reads, and the digest of their names and ids."""

    files: tuple[tuple[str, Found], ...]  # path from the source's folder, file
    digest: str
    followed_links: bool  # then it is true for this tree only


class Lister:
    """Lists sources; remembers listings by the folder's id, so that an unchanged folder costs one look-up."""

    def __init__(self) -> None:
        self._listings: dict[tuple[object, ...], Listing] = {}

    def listing(self, tree: Tree, spec: SourceSpec, subject: str) -> Listing:
        """The files that a source reads, in lexical order.

        Raises: Blocked: no such folder, a link that leads astray, a glob that is none.
        """
        folder = folder_of(tree, spec, subject)
        key = (folder.id, spec.recurse, spec.include, spec.exclude, spec.any_extension)
        known = self._listings.get(key) or self._listings.get((tree.root.id, folder.path, *key))
        if known is not None:
            return known
        walk = _Walk(tree, spec, subject)
        files = tuple(walk.files(folder))
        digest = sha256("".join(f"{path}\0{file.id}\n" for path, file in files).encode()).hexdigest()
        listing = Listing(files, digest, walk.followed_links)
        if len(self._listings) >= _MOST_LISTINGS:
            self._listings.clear()
        self._listings[(tree.root.id, folder.path, *key) if walk.followed_links else key] = listing
        return listing


def read_files(tree: Tree, listing: Listing, subject: str) -> tuple[SourceFile, ...]:
    """The contents of a listing.

    Raises: Blocked: together they are too large; a file lies in Git LFS.
    """
    total = 0
    for path, found in listing.files:
        total += tree.size(found)
        if total > LARGEST_SOURCE:
            problem = f"its manifests are larger than {LARGEST_SOURCE // 1024 // 1024} MiB together (at {path})"
            raise _blocked(subject, problem, "Split the application, or narrow directory.include")
    files = tuple(SourceFile(path, tree.read(found)) for path, found in listing.files)
    for file in files:
        if is_lfs_pointer(file.data):
            raise _blocked(subject, f"{file.path} {IN_LFS}")
    return files


def folder_of(tree: Tree, spec: SourceSpec, subject: str) -> Found:
    """The folder that a source reads. Raises: Blocked: there is none; names those that are near."""
    path = spec.path.strip()
    if path.startswith("/"):
        raise _blocked(subject, f'"{path}" is an absolute path', "Write it from the repository's root, without /")
    try:
        folder = tree.find(path)
    except Astray as error:
        if error.missing:
            raise _no_such_folder(tree, error, spec, subject) from None
        raise _blocked(subject, f'"{path}" {error.problem}') from None
    if not folder.is_folder:
        kind = "a submodule that .gitmodules does not name" if folder.is_submodule else "a file, not a folder"
        raise _blocked(subject, f'"{path}" is {kind} at {tree.revision}')
    return folder


def _no_such_folder(tree: Tree, error: Astray, spec: SourceSpec, subject: str) -> Blocked:
    names = [name for name, found in tree.entries(error.at) if found.is_folder]
    near = difflib.get_close_matches(error.missing, names, n=3, cutoff=0.5) or names[:5]
    where = f"{error.at.path}/" if error.at.path else ""
    hint = f" (there are: {', '.join(where + name for name in near)})" if near else ""
    problem = f'no such folder "{spec.path}" at {tree.revision}{hint}'
    return _blocked(subject, problem, "Push the folder or correct the path")


def _blocked(subject: str, problem: str, next_step: str = "", field: str = _PATH) -> Blocked:
    return Blocked(subject, problem, field=field, next_step=next_step)


class _Walk:
    """One walk over a source's folder."""

    def __init__(self, tree: Tree, spec: SourceSpec, subject: str) -> None:
        self.followed_links = False
        self._tree, self._spec, self._subject = tree, spec, subject
        self._seen = 0

    def files(self, folder: Found) -> Iterator[tuple[str, Found]]:
        yield from self._inside(folder, "", (folder.path,))

    def _inside(self, folder: Found, prefix: str, above: tuple[str, ...]) -> Iterator[tuple[str, Found]]:
        for name, entry in self._tree.entries(folder):
            self._seen += 1
            if self._seen > _MOST_ENTRIES:
                raise _blocked(self._subject, f"the folder holds more than {_MOST_ENTRIES} names")
            path = prefix + name
            wanted = (self._spec.any_extension or bool(_MANIFEST.search(name))) and self._chosen(path)
            found = self._real(folder, entry, path, wanted) if entry.is_link else entry
            if found is None:
                continue
            if found.is_folder and entry.is_link:  # Argo CD does not go into them either
                if found.path in above:
                    raise self._bad_link(path, entry, "is a loop")
            elif found.is_folder and self._spec.recurse:
                yield from self._inside(found, f"{path}/", (*above, found.path))
            elif found.is_submodule and self._spec.recurse and self._chosen(path):
                raise _blocked(
                    self._subject,
                    f"{path} is a submodule that .gitmodules does not name",
                    "Exclude it or commit its manifests",
                )
            elif wanted and not found.is_folder and not found.is_submodule:
                yield path, found

    def _real(self, folder: Found, link: Found, path: str, wanted: bool) -> Found | None:
        """What a link leads to; None for one that is not read."""
        if not wanted and not (self._spec.recurse and self._chosen(path)):
            return None
        self.followed_links = True
        try:
            return self._tree.find(link.path.rpartition("/")[2], folder)
        except Astray as error:
            problem = "leads to nothing" if error.missing else error.problem
            raise self._bad_link(path, link, problem) from None

    def _bad_link(self, path: str, link: Found, problem: str) -> Blocked:
        target = self._tree.target(link) if link.is_link else link.path
        return _blocked(
            self._subject, f"the symbolic link {path} -> {target} {problem}", "Replace the link by what it shall be"
        )

    def _chosen(self, path: str) -> bool:
        """Whether include and exclude let a path through; exclude beats include."""
        include, exclude = self._spec.include, self._spec.exclude
        if include and not self._matches("include", include, path):
            return False
        return not (exclude and self._matches("exclude", exclude, path))

    def _matches(self, name: str, pattern: str, path: str) -> bool:
        try:
            return glob_match(pattern, path)
        except BadGlob as error:
            raise _blocked(self._subject, f"is not a glob: {error}", field=f"spec.source.directory.{name}") from error
