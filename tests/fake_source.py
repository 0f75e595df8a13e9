"""Git repositories in memory: the `Source` port."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fake_tree import FakeTree
from todoke.delivery.ports import Permitted
from todoke.model.credentials import Credential
from todoke.model.errors import Blocked, Unreachable
from todoke.model.signatures import Signature, State, Trust
from todoke.model.sources import CommitInfo, Origin, Reverted, RevertRequest, SourceSpec
from todoke.model.trees import Tree
from todoke.model.trusted import Trusted
from todoke.source.folder import FolderTree

_FIELD = "spec.source.targetRevision"
_BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Snapshot:
    """All files at one commit."""

    info: CommitInfo
    files: dict[str, bytes]


@dataclass
class FakeRepository:
    """One repository; `heard` holds the refs as of the last refresh."""

    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Snapshot] = field(default_factory=dict)
    heard: dict[str, str] | None = None
    read_only: bool = False

    @property
    def refs(self) -> dict[str, str]:
        return self.tags | self.branches


class FakeSource:
    """Repositories by URL. `down` holds those that do not answer, `asked` counts refreshes."""

    def __init__(self) -> None:
        self.repositories: dict[str, FakeRepository] = {}
        self.down: set[str] = set()
        self.asked: dict[str, int] = {}
        self.credentials: list[Credential] = []
        self.signers: dict[str, str] = {}
        """The keys that commits are signed with."""
        self.pushed: list[RevertRequest] = []

    def push(self, repo_url: str, files: dict[str, str | None], message: str = "change", branch: str = "main") -> str:
        """Commit files (None deletes one) on a branch; the new SHA. It is known after the next refresh."""
        repository = self.repositories.setdefault(repo_url, FakeRepository())
        parent = repository.branches.get(branch)
        content = dict(repository.commits[parent].files) if parent else {}
        for path, text in files.items():
            if text is None:
                content.pop(path)
            else:
                content[path] = text.encode()
        return self._committed(repo_url, content, message, branch, (parent,) if parent else ())

    def _committed(
        self, repo_url: str, content: dict[str, bytes], message: str, branch: str, parents: tuple[str, ...]
    ) -> str:
        repository = self.repositories[repo_url]
        number = len(repository.commits)
        sha = hashlib.sha1(f"{repo_url} {number} {message}".encode()).hexdigest()
        date = (_BEGAN + timedelta(minutes=number)).isoformat()
        repository.commits[sha] = Snapshot(CommitInfo(sha, "Taro Test", date, message, parents), content)
        repository.branches[branch] = sha
        return sha

    def tag(self, repo_url: str, name: str, sha: str) -> None:
        """Put a tag on a commit."""
        self.repositories[repo_url].tags[name] = sha

    def use_trusted(self, trusted: Trusted) -> None:
        self.trusted = trusted

    def use_credentials(self, credentials: Iterable[Credential]) -> None:
        self.credentials = list(credentials)

    async def refresh(self, origin: Origin) -> bool:
        repo_url = origin.repo_url
        self.asked[repo_url] = self.asked.get(repo_url, 0) + 1
        repository = self._reached(repo_url)
        before, repository.heard = repository.heard, repository.refs
        return before != repository.heard

    async def latest(self, spec: SourceSpec, revision: str) -> str:
        repo_url = spec.repo_url
        repository = self.repositories.get(repo_url)
        if repository is None or repository.heard is None:
            await self.refresh(Origin(repo_url))
        repository = self.repositories[repo_url]
        heard = repository.heard or {}
        wanted = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        if revision in ("", "HEAD"):
            wanted = "main"
        if wanted in heard:
            return heard[wanted]
        known = [sha for sha in repository.commits if len(wanted) >= 7 and sha.startswith(wanted)]
        if len(known) == 1:
            return known[0]
        raise Blocked(f"repository {repo_url}", f'revision "{revision}" not found', field=_FIELD)

    async def untrusted(self, spec: SourceSpec, revision: str, wanted: str, trust: Trust) -> tuple[str, ...]:
        signer = self.signers.get(revision, "")
        state = State.GOOD if signer else State.UNSIGNED
        reason = trust.refusal(Signature(f"commit {revision}", "Taro Test", state, signer, (signer,)))
        return (reason,) if reason else ()

    def folder(self, path: Path) -> Tree:
        return FolderTree(path)

    async def tree(self, spec: SourceSpec, revision: str, permitted: Permitted | None = None) -> Tree:
        return FakeTree(self._snapshot(spec.repo_url, revision).files, revision[:8])

    def commit(self, repo_url: str, sha: str) -> CommitInfo:
        """Author, date and subject."""
        return self._snapshot(repo_url, sha).info

    async def revert(self, request: RevertRequest) -> Reverted:
        repository = self._reached(request.repo_url)
        subject = f"repository {request.repo_url}"
        branch = "main" if request.branch in ("", "HEAD") else request.branch
        if branch not in repository.branches:
            what = "is a tag" if branch in repository.tags else "is not a branch"
            raise Blocked(subject, f'"{branch}" {what}, so there is nothing to commit to', field=_FIELD)
        if repository.read_only:
            raise Blocked(subject, "the login may not write", next_step="Give it the right to push")
        push_to = request.push_to or branch
        tip = repository.commits[repository.branches[branch]].files
        content, conflicts = _undone(repository, tip, request)
        if conflicts and push_to == branch:
            raise Blocked(subject, f"undoing would conflict with later changes in {', '.join(conflicts)}")
        if content == tip:
            raise Blocked(subject, f'nothing to undo: "{request.path}" is already as it was at {request.good[:8]}')
        self.pushed.append(replace_request(request, push_to))
        bad = repository.commits[request.bad].info
        sha = self._committed(
            request.repo_url, content, f'Revert "{bad.subject}"', push_to, (repository.branches[branch],)
        )
        link = "" if push_to == branch else f"https://forge.example/compare/{branch}...{push_to}"
        return Reverted(sha, push_to, (bad,), tuple(conflicts), link)

    def _reached(self, repo_url: str) -> FakeRepository:
        if repo_url in self.down:
            raise Unreachable(f"repository {repo_url}", "no answer in 5 s")
        if repo_url not in self.repositories:
            raise Blocked(f"repository {repo_url}", "not found")
        return self.repositories[repo_url]

    def _snapshot(self, repo_url: str, sha: str) -> Snapshot:
        repository = self.repositories.get(repo_url)
        if repository is None or sha not in repository.commits:
            raise Unreachable(f"repository {repo_url}", f"commit {sha[:8]} has not been fetched")
        return repository.commits[sha]


def replace_request(request: RevertRequest, push_to: str) -> RevertRequest:
    """The request with the branch that was pushed to."""
    return RevertRequest(**{name: getattr(request, name) for name in request.__struct_fields__} | {"push_to": push_to})


def _undone(
    repository: FakeRepository, tip: dict[str, bytes], request: RevertRequest
) -> tuple[dict[str, bytes], list[str]]:
    bad, good = repository.commits[request.bad].files, repository.commits[request.good].files
    folder = "" if request.path in ("", ".") else request.path.strip("/") + "/"
    content, conflicts = dict(tip), []
    for path in sorted({*bad, *good}):
        if not path.startswith(folder) or bad.get(path) == good.get(path) or tip.get(path) == good.get(path):
            continue
        if tip.get(path) != bad.get(path):
            conflicts.append(path)
        elif path in good:
            content[path] = good[path]
        else:
            del content[path]
    if conflicts:
        content[conflicts[0]] = b"<<<<<<< conflict\n"
    return content, conflicts
