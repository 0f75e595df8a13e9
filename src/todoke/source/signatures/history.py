"""Every commit up to the last seals. Source: Argo CD v3.5, "Git GnuPG", mode strict and seal commits.

A seal is a commit whose message has the trailer `Argocd-gpg-seal:` and whose signature is trusted: who made it answers
for all that came before.
"""

import asyncio
import heapq
import re
from collections.abc import Callable

import msgspec
import pygit2

_SEAL = re.compile(r"^argocd-gpg-seal:[ \t]*\S", re.I | re.M)
_AT_ONCE = 100  # commits between which others may go on
_MOST_REASONS = 10


class Walked(msgspec.Struct, frozen=True):
    """What a history is like.

    Attributes: reasons: why it is not trusted, the newest first, ten at most. commits: how many were looked at.
    """

    reasons: tuple[str, ...]
    commits: int


class _Front:
    """The commits that are still to be looked at, the newest first, and which of them seals cover."""

    def __init__(self, repository: pygit2.Repository, tip: pygit2.Oid) -> None:
        self._queue: list[tuple[int, str]] = []
        self._waiting, self._seen, self.covered = set[str](), set[str](), set[str]()
        self.add(repository, str(tip), covered=False)

    @property
    def open(self) -> bool:
        """Whether one is left that no seal covers."""
        return bool(self._waiting)

    def add(self, repository: pygit2.Repository, sha: str, *, covered: bool) -> None:
        if covered:
            self.covered.add(sha)
            self._waiting.discard(sha)
        if sha in self._seen:
            return
        self._seen.add(sha)
        if not covered:
            self._waiting.add(sha)
        heapq.heappush(self._queue, (-repository[sha].peel(pygit2.Commit).commit_time, sha))

    def next(self) -> str:
        sha = heapq.heappop(self._queue)[1]
        self._waiting.discard(sha)
        return sha


async def walk(
    opened: Callable[[], pygit2.Repository],
    tip: pygit2.Oid,
    refused: Callable[[pygit2.Commit], str],
    accepted: Callable[[str], bool],
) -> Walked:
    """Look at a commit and all before it, newest first, up to seals and what was accepted before.

    Args:
        opened: the repository, opened anew where it was closed meanwhile. refused: why a commit is not trusted.
        accepted: whether a commit was found trusted with all before it.
    Raises: KeyError, pygit2.GitError: a commit is missing.
    """
    front, seals, bad, count = _Front(opened(), tip), list[str](), dict[str, str](), 0
    while front.open:
        count += 1
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)
        sha, repository = front.next(), opened()
        commit, covered = repository[sha].peel(pygit2.Commit), sha in front.covered
        if not covered:
            reason = "" if accepted(sha) else refused(commit)
            if reason:
                bad[sha] = reason
            covered = accepted(sha) or (not reason and is_seal(commit))
            seals += [sha] if covered else []
        for parent in commit.parent_ids:
            front.add(repository, str(parent), covered=covered)
    repository = opened()
    left = [reason for sha, reason in bad.items() if not any(_before(repository, sha, seal) for seal in seals)]
    return Walked(tuple(left[:_MOST_REASONS]), count)


def _before(repository: pygit2.Repository, sha: str, seal: str) -> bool:
    """Whether a seal covers a commit. Clocks of committers differ, so the order of dates alone does not tell."""
    return bool(repository.descendant_of(pygit2.Oid(hex=seal), pygit2.Oid(hex=sha)))


def is_seal(commit: pygit2.Commit) -> bool:
    """Whether a commit says that it is a seal; a trailer stands in the last paragraph of a message."""
    message = commit.raw_message.decode("utf-8", "replace")
    return _SEAL.search(message.rstrip().rpartition("\n\n")[2]) is not None
