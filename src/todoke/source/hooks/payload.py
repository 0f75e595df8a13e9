"""What the payloads of all forges have in common."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from todoke.model.webhooks import NotUnderstood

T = TypeVar("T")

MOST_FILES = 3000
"""Forges and we list that many changed files of a push at most; of a longer list nothing is believed."""
_LONGEST_URL = 2048


class Commit(msgspec.Struct):
    """The files of a commit, in the words that GitHub, GitLab, Gogs and Gitea share; null is no file."""

    id: str = ""
    added: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    removed: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    modified: list[str] | msgspec.UnsetType | None = msgspec.UNSET


def decoded(provider: str, body: bytes, kind: type[T]) -> T:
    """The JSON of a body. Raises: NotUnderstood: it is none, or of another shape."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotUnderstood(provider, f"the body is not the JSON of such an event: {error}") from None


def named(provider: str, urls: Iterable[str | None]) -> tuple[str, ...]:
    """The URLs of a repository. Raises: NotUnderstood: there is none that a repository can have."""
    found = dict.fromkeys(url.strip() for url in urls if url and len(url) <= _LONGEST_URL)
    found.pop("", None)
    if not found:
        raise NotUnderstood(provider, "the body names no URL of a repository")
    return tuple(found)


def commit_of(sha: str | None) -> str:
    """A commit as events name it; forges write zeros for a ref that is not there."""
    return sha if sha and sha.strip("0") else ""


def changed_files(commits: list[Commit] | None, head: str) -> tuple[str, ...] | None:
    """The files that commits changed; None when the list cannot be all of a push that ended at `head`."""
    if not commits or not head or all(commit.id != head for commit in commits):
        return None
    files: dict[str, None] = {}
    for commit in commits:
        for paths in (commit.added, commit.removed, commit.modified):
            if paths is msgspec.UNSET:
                return None
            files.update(dict.fromkeys(paths or ()))
        if len(files) >= MOST_FILES:
            return None
    return tuple(files) or None
