"""Making the commit that undoes what changed under one path. Nothing is pushed here and no ref moves."""

import msgspec
import pygit2
from pygit2.enums import FileMode, MergeFlag

from todoke.model.errors import Blocked
from todoke.model.sources import CommitInfo, RevertRequest
from todoke.model.trees import Astray, Found
from todoke.source.history import changed_between
from todoke.source.tree import tree_of

Conflict = tuple[pygit2.IndexEntry | None, pygit2.IndexEntry | None, pygit2.IndexEntry | None]


class Undone(msgspec.Struct, frozen=True):
    """A commit in our mirror, not pushed yet."""

    sha: str
    reverted: tuple[CommitInfo, ...]  # newest first
    conflicts: tuple[str, ...]


def undo(
    repository: pygit2.Repository, tip: pygit2.Commit, request: RevertRequest, author: tuple[str, str], subject: str
) -> Undone:
    """Commit on the tip what brings `path` back from `bad` to `good`, and keeps whatever else changed since.

    A three-way merge: from the tree of `bad`, to the tip, and to `bad` with the path as in `good`. Renames are not
    followed, because a change must not land outside of the path.

    Raises: Blocked: there is nothing to undo, or a file has become a folder since.
    """
    bad, good = (repository[sha].peel(pygit2.Commit) for sha in (request.bad, request.good))
    paths = [_real_path(repository, bad, path) for path in (request.path, *request.also)]
    wanted = bad.tree.id
    for path in paths:
        wanted = _with_path_of(repository, repository[wanted].peel(pygit2.Tree), good.tree, path)
    index = repository.merge_trees(bad.tree, tip.tree, wanted, flags=MergeFlag(0))
    try:
        conflicts = _write_markers(repository, index)
        tree = index.write_tree(repository)
    except pygit2.GitError as error:
        problem = f'"{", ".join(paths)}" cannot be undone by a merge: {error}'
        raise Blocked(subject, problem, next_step="Undo it by hand, with git revert") from error
    if tree == tip.tree_id:
        raise Blocked(
            subject,
            f'nothing to undo: "{", ".join(paths) or "."}" on {request.branch} is as it was at {request.good[:8]}',
            next_step="Sync the application, or choose another revision",
        )
    reverted = changed_between(repository, good.id, bad.id, *paths)
    signature = pygit2.Signature(*author)
    message = _message(request, reverted, conflicts)
    sha = repository.create_commit(None, signature, signature, message, tree, [tip.id])
    return Undone(str(sha), reverted, conflicts)


def _real_path(repository: pygit2.Repository, commit: pygit2.Commit, path: str) -> str:
    """The path after symbolic links, "" for the whole repository."""
    try:
        return tree_of(repository, commit).find(path).path
    except Astray:
        return "/".join(part for part in path.split("/") if part not in ("", ".", ".."))


def _with_path_of(repository: pygit2.Repository, base: pygit2.Tree, other: pygit2.Tree, path: str) -> pygit2.Oid:
    """The id of the tree `base` with `path` as it is in `other`, or without it when it is not there."""
    if not path:
        return other.id
    try:
        there: Found | None = _literal(other, path)
    except KeyError:
        there = None
    return _replaced(repository, base, path.split("/"), there) or repository.TreeBuilder().write()


def _literal(tree: pygit2.Tree, path: str) -> Found:
    entry = tree[path]
    return Found(path, str(entry.id), int(entry.filemode))


def _replaced(
    repository: pygit2.Repository, tree: pygit2.Tree | None, names: list[str], entry: Found | None
) -> pygit2.Oid | None:
    """A tree with one entry replaced or taken out; None when nothing is left in it."""
    name, *below = names
    builder = repository.TreeBuilder(tree) if tree is not None else repository.TreeBuilder()
    here = tree[name] if tree is not None and name in tree else None
    if below:
        subtree = here if isinstance(here, pygit2.Tree) else None
        replaced = _replaced(repository, subtree, below, entry)
        entry = Found(name, str(replaced)) if replaced is not None else None
        mode = int(FileMode.TREE)
    else:
        mode = entry.mode if entry is not None else 0
    if entry is not None:
        builder.insert(name, pygit2.Oid(hex=entry.id), mode)
    elif here is not None:
        builder.remove(name)
    return builder.write() if len(builder) else None


def _write_markers(repository: pygit2.Repository, index: pygit2.Index) -> tuple[str, ...]:
    """Replace each conflict of an index by a file with conflict markers; the paths of these files."""
    conflicts: list[Conflict] = list(index.conflicts or ())
    paths = []
    for conflict in conflicts:
        entry = next(side for side in (conflict[1], conflict[2], conflict[0]) if side is not None)
        text = _marked(repository, conflict)
        mode = FileMode.BLOB_EXECUTABLE if entry.mode == FileMode.BLOB_EXECUTABLE else FileMode.BLOB
        del index.conflicts[entry.path]
        index.add(pygit2.IndexEntry(entry.path, repository.create_blob(text), mode))
        paths.append(str(entry.path))
    return tuple(sorted(paths))


def _marked(repository: pygit2.Repository, conflict: Conflict) -> bytes:
    ancestor, ours, theirs = conflict
    if ancestor is not None and ours is not None and theirs is not None:
        texts = [_content(repository, side) for side in conflict]
        if all(_is_text(text) for text in texts):
            merged = repository.merge_file_from_index(ancestor, ours, theirs)
            return str(merged.contents).encode()
    kept, restored = _content(repository, ours), _content(repository, theirs)
    lines = (
        b"<<<<<<< on the branch",
        kept.rstrip(b"\n"),
        b"=======",
        restored.rstrip(b"\n"),
        b">>>>>>> to be restored",
    )
    return b"\n".join(line for line in lines if line) + b"\n"


def _content(repository: pygit2.Repository, entry: pygit2.IndexEntry | None) -> bytes:
    if entry is None or entry.mode == FileMode.COMMIT:
        return b""
    return repository[entry.id].peel(pygit2.Blob).data


def _is_text(data: bytes) -> bool:
    try:
        return b"\0" not in data and bool(data.decode("utf-8") or True)
    except UnicodeDecodeError:
        return False


def _message(request: RevertRequest, reverted: tuple[CommitInfo, ...], conflicts: tuple[str, ...]) -> str:
    if not reverted:
        headline = f"Restore {request.path} as of {request.good[:8]}"
    else:
        more = f" and {len(reverted) - 1} more" if len(reverted) > 1 else ""
        headline = f'Revert "{reverted[0].subject}"{more}'
    lines = [f"This reverts {_kind(commit)} {commit.sha} ({commit.subject})." for commit in reverted]
    if conflicts:
        lines += ["", "These files hold conflict markers and must be mended before this is merged:"]
        lines += [f"  {path}" for path in conflicts]
    trailers = {"Requested-by": request.requested_by, "Application": request.application, "Restores": request.good}
    lines += ["", *(f"{name}: {' '.join(value.split())}" for name, value in trailers.items() if value)]
    return headline + "\n\n" + "\n".join(lines).lstrip("\n") + "\n"


def _kind(commit: CommitInfo) -> str:
    return "merge commit" if len(commit.parents) > 1 else "commit"
