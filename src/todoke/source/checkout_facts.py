"""What a clone says of the pipeline that would run there, by the names of pipeline values."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pygit2

from todoke.model.errors import Blocked
from todoke.model.sources import shown_url


class CheckoutFacts:
    """Implements the port `Checkout` of todoke.ci. Outside of a clone nothing is known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def facts(self) -> Mapping[str, Any]:
        """Branch, revision and remote of the clone around the folder."""
        repository = self._repository()
        if repository is None or repository.is_empty:
            return {}
        return {**_head(repository), **_remote(repository)}

    def text(self, path: str) -> str | None:
        """A file by its path from the clone's root, outside of a clone from the folder above.

        None when there is none there. Raises: Blocked: it cannot be read as text.
        """
        repository = self._repository()
        root = Path(repository.workdir if repository and repository.workdir else self._folder.absolute().parent)
        place = (root / path).resolve()
        if not path or not place.is_relative_to(root.resolve()) or not place.is_file():
            return None
        try:
            return place.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Blocked(path, "cannot be read as text", next_step="Correct it") from error

    def changed_since(self, revision: str) -> tuple[str, ...]:
        """Paths from the root that differ between the checked-out commit and where it left a revision.

        On the revision itself: what its last commit changed. Of what was renamed the new path is told.
        Raises: Blocked: there is no clone, or no such revision in it.
        """
        repository = self._repository()
        if repository is None or repository.is_empty or repository.head_is_unborn:
            raise Blocked(str(self._folder), "lies in no clone with a commit", next_step="Name changed paths instead")
        head = repository.head.peel(pygit2.Commit)
        base = _base(repository, head, _commit(repository, revision))
        found = head.tree.diff_to_tree(swap=True) if base is None else base.tree.diff_to_tree(head.tree)
        found.find_similar()
        return tuple(sorted(delta.new_file.path for delta in found.deltas))

    def _repository(self) -> pygit2.Repository | None:
        try:
            found = pygit2.discover_repository(str(self._folder))
            return pygit2.Repository(found) if found else None
        except (pygit2.GitError, KeyError):
            return None


def _commit(repository: pygit2.Repository, revision: str) -> pygit2.Commit:
    for name in (revision, f"origin/{revision}"):
        with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
            return repository.revparse_single(name).peel(pygit2.Commit)
    next_step = "Fetch it, or name a branch, tag or commit that is there"
    raise Blocked(str(Path(repository.path).parent), f"has no revision {revision}", next_step=next_step)


def _base(repository: pygit2.Repository, head: pygit2.Commit, other: pygit2.Commit) -> pygit2.Commit | None:
    """What to compare with; None where everything is new."""
    common = repository.merge_base(head.id, other.id)
    if common == head.id:
        return head.parents[0] if head.parents else None
    return None if common is None else repository[common].peel(pygit2.Commit)


def _head(repository: pygit2.Repository) -> dict[str, Any]:
    if repository.head_is_unborn:
        return {}
    commit = repository.head.peel(pygit2.Commit)
    branch = "" if repository.head_is_detached else repository.head.shorthand
    subject, _, body = commit.message.partition("\n")
    return {
        "pipeline.git.branch": branch,
        "pipeline.git.branch.is_default": branch in ("main", "master"),
        "pipeline.git.revision": str(commit.id),
        "pipeline.git.commit.subject": subject,
        "pipeline.git.commit.body": body.strip(),
    }


def _remote(repository: pygit2.Repository) -> dict[str, Any]:
    with contextlib.suppress(KeyError):
        url = repository.remotes["origin"].url or ""
        owner, _, name = url.removesuffix(".git").replace(":", "/").rpartition("/")
        kind = next((kind for kind in ("github", "gitlab", "bitbucket") if kind in url), "")
        return {
            "pipeline.project.git_url": shown_url(url),
            "pipeline.git.repo_url": shown_url(url),
            "pipeline.git.repo_owner": owner.rpartition("/")[2],
            "pipeline.git.repo_name": name,
        } | ({"pipeline.project.type": kind} if kind else {})
    return {}
