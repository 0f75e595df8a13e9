"""Commits as people read them, and which of them changed a path."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pygit2

from todoke.model.sources import CommitInfo
from todoke.model.trees import Astray
from todoke.source.tree import tree_of

MOST_COMMITS = 200
_MOST_WALKED = 20_000


def describe(commit: pygit2.Commit) -> CommitInfo:
    """Author, date and subject of a commit."""
    zone = timezone(timedelta(minutes=commit.author.offset))
    try:
        date = datetime.fromtimestamp(commit.author.time, zone).isoformat()
    except (ValueError, OverflowError, OSError):
        date = datetime.fromtimestamp(0, UTC).isoformat()
    return CommitInfo(
        sha=str(commit.id),
        author=_text(commit.author.raw_name),
        date=date,
        subject=_text(commit.raw_message).strip().partition("\n")[0],
        parents=tuple(str(parent) for parent in commit.parent_ids),
    )


def changed_between(
    repository: pygit2.Repository, old: pygit2.Oid, new: pygit2.Oid, *paths: str
) -> tuple[CommitInfo, ...]:
    """Commits in `new` but not in `old` that changed a path against their first parent, newest first, at most 200.

    A merge is listed when it brought a change of one of the paths to its first parent.
    """
    walker = repository.walk(new, pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.TIME)
    walker.hide(old)
    changing = (commit for commit in islice(walker, _MOST_WALKED) if _changes(repository, commit, paths))
    return tuple(describe(commit) for commit in islice(changing, MOST_COMMITS))


def id_of(repository: pygit2.Repository, commit: pygit2.Commit, path: str) -> str | None:
    """The Git id of what is at a path of a commit, or None; inside of a submodule that of the submodule."""
    try:
        return tree_of(repository, commit).find(path).id
    except Astray as error:
        return error.at.id if error.at.is_submodule else None


def _changes(repository: pygit2.Repository, commit: pygit2.Commit, paths: Sequence[str]) -> bool:
    here = [id_of(repository, commit, path) for path in paths]
    if not commit.parent_ids:
        return any(here)
    parent = repository[commit.parent_ids[0]].peel(pygit2.Commit)
    return here != [id_of(repository, parent, path) for path in paths]


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
