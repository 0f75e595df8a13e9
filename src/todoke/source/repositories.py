"""The source room: Git repositories, their newest revisions, and the files in them."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import msgspec
import pygit2

from todoke.model.credentials import Credential
from todoke.model.errors import Blocked, Unreachable
from todoke.model.signatures import Signers, Trust
from todoke.model.sources import CommitInfo, Reverted, RevertRequest
from todoke.model.telemetry import Telemetry
from todoke.model.trees import Tree
from todoke.source import history, undo
from todoke.source.checkout import Checked, Checkouts, Gate, Permitted
from todoke.source.clone import Clone
from todoke.source.folder import FolderTree
from todoke.source.keyring import Keyring
from todoke.source.refs import FULL_SHA, SHORT_SHA, TAGS, Refs
from todoke.source.remote.guard import Guard
from todoke.source.repository import Repository, Tools
from todoke.source.shelf import Shelf
from todoke.source.signatures import Verifier
from todoke.source.tree import Objects
from todoke.source.urls import Location, locate
from todoke.source.versions import Matching, is_constraint, newest_tag, prefixed

_REVISION = "spec.source.targetRevision"
_MOMENT = 2.0  # seconds
_MOST_OPEN = 400  # open mirrors; each holds a few file handles


class GitSource:
    """All Git repositories of one process, each mirrored once under `folder` and shared by its applications.

    It belongs to one event loop, and its folder to one process.
    """

    def __init__(
        self,
        folder: Path,
        telemetry: Telemetry,
        *,
        fetch_timeout_seconds: float = 120,
        author: tuple[str, str] = ("todoke", "todoke@localhost"),
        matching: Matching | None = None,
        most_bytes: int = 10 * 1024**3,
    ) -> None:
        """Nothing is asked yet.

        Args:
            author: name and mail address of the commits that we make.
            matching: decides which versions a constraint allows; without it, there are no constraints.
            most_bytes: of all mirrors on disk. Those not used for a quarter of an hour go when there are more.
        """
        self._folder = folder
        self._author, self._matching = author, matching
        self.keyring = Keyring(folder / "certificates")
        self._tools = Tools(folder, self.keyring, telemetry, fetch_timeout_seconds)
        self.clouds = self._tools.clouds
        self._shelf = Shelf(folder, most_bytes, telemetry)
        self._tools.grown = self._make_room
        self._repositories: dict[str, Repository] = {}  # by the name of their folder
        self._by_url: dict[str, Repository] = {}
        self._open: OrderedDict[Repository, None] = OrderedDict()
        self._named: set[Repository] = set()  # by Applications
        self._folders: dict[str, pygit2.Tree] = {}
        self._checkouts = Checkouts(self._repository, self._objects, self._folders)
        self._verifier = Verifier()

    def use_credentials(self, credentials: Iterable[Credential]) -> None:
        """Replace all credentials; the next request of each repository uses them."""
        self.keyring.replace(credentials)
        for repository in self._repositories.values():
            repository.forget_login()
        self._checkouts.forget_failures()

    def use_known_hosts(self, text: str) -> None:
        """Replace the known SSH hosts by the lines of a known_hosts file; the large forges are known anyway."""
        self.keyring.trust_hosts(text)
        for repository in self._repositories.values():
            if repository.location.scheme == "ssh":
                repository.forget_login()
        self._checkouts.forget_failures()

    def use_certificates(self, certificates: Mapping[str, str]) -> None:
        """Replace the certificates that servers are known by: PEM text by host, in place of the system's."""
        if self.keyring.trust_certificates(certificates):
            for repository in self._repositories.values():
                repository.forget_login()
            self._checkouts.forget_failures()

    def use_signers(self, signers: Signers) -> None:
        """Replace the public keys of people who sign."""
        self._verifier.use(signers)

    async def refresh(self, repo_url: str) -> bool:
        """Ask the server once for all heads, tags and HEAD, fetch if one of them is new to us.

        Returns: whether any ref changed since the last time; True the first time.
        Raises: Unreachable: no answer in time. Blocked: not a repository, or a login is wrong or missing.
        """
        return await self._repository(repo_url).refresh()

    async def latest(self, repo_url: str, revision: str, tag_prefix: str = "") -> str:
        """The full SHA that a revision means by the refs as last heard; asks the server only when it must.

        Args:
            revision: branch, tag, HEAD or "" for the default branch, refs/..., full or short SHA (7 digits at least),
                or a range of versions: the newest tag in it, which comes before a branch of that name.
            tag_prefix: what the tags of versions begin with.
        Raises: Blocked: there is no such revision, or a short SHA is ambiguous. Unreachable: no answer in time.
        """
        repository = self._repository(repo_url)
        revision = revision.strip()
        if repository.refs is None:
            repository.raise_recent()
        if repository.want(revision) or repository.refs is None:
            await repository.look()
        refs = repository.refs or Refs({})
        if FULL_SHA.match(revision):
            return await self._full_sha(repository, revision)
        found = refs.resolve(await self._name(repository, refs, revision, tag_prefix))
        if not found and SHORT_SHA.match(revision):
            found = self._short_sha(repository, revision)
        if not found:
            raise _unknown(repository, refs, revision, tag_prefix)
        return self._commit_of(repository, found, revision)

    async def newest(self, repo_url: str, revision: str) -> str:
        """As `latest`, of a repository that nobody polls: asked now, if it was not a moment ago.

        Raises: as `latest`.
        """
        repository = self._repository(repo_url)
        if FULL_SHA.match(revision):
            return await self.latest(repo_url, revision)
        if time.monotonic() - repository.looked < _MOMENT:
            with suppress(Blocked):  # a ref that was not there a moment ago
                return await self.latest(repo_url, revision)
        await repository.look()
        return await self.latest(repo_url, revision)

    def use_guard(self, repo_url: str, guard: Guard | None) -> bool:
        """Refuse addresses of a repository. None: an Application names it itself; then no guard is used on it.

        Returns: whether it is guarded now.
        Raises: Blocked: it is not a Git URL.
        """
        repository = self._repository(repo_url)
        if guard is None:
            self._named.add(repository)
        wanted = None if repository in self._named else guard
        if repository.guard is not wanted:
            repository.guard = wanted
            repository.forget_login()
        return wanted is not None

    async def _name(self, repository: Repository, refs: Refs, revision: str, tag_prefix: str) -> str:
        """The ref that a revision stands for; of a range it is found out once for the same refs."""
        if self._matching is None or not is_constraint(revision):
            return prefixed(refs, revision, tag_prefix)
        if repository.newest[0] is not refs:
            repository.newest = (refs, {})
        known = repository.newest[1]
        if (revision, tag_prefix) not in known:
            known[revision, tag_prefix] = await newest_tag(refs, revision, tag_prefix, self._matching)
        return known[revision, tag_prefix] or revision

    async def untrusted(self, repo_url: str, sha: str, named: tuple[str, str], trust: Trust) -> tuple[str, ...]:
        """Why the signatures of a commit are not what is demanded, sentences; none when they are.

        Args: named: the revision and tag prefix that `latest` had. Where they name an annotated tag, that is what
            must be signed, under its own name, and of a whole history the commits too.
        Raises: Unreachable: the commit has not been fetched, or its tag moved meanwhile.
        """
        repository = self._repository(repo_url)
        if repository.refs is None:
            await repository.look()
        tag, name = await self._tag(repository, *named)
        with self._reading(repository):
            if tag is not None and str(tag.peel(pygit2.Commit).id) != sha:
                raise Unreachable(repository.location.subject, f"its tag {tag.name} moved while it was looked at")
            if tag is not None and name not in ("", tag.name):
                return (f'tag "{name}" is the one that was made as "{tag.name}". Make and sign a tag of that name',)
            return await self._verifier.untrusted(lambda: repository.mirror.repository, sha, tag, trust)

    async def _tag(self, repository: Repository, revision: str, prefix: str) -> tuple[pygit2.Tag | None, str]:
        """The annotated tag that a revision names, and the name of the ref, "" when that is no tag's."""
        refs, revision = repository.refs or Refs({}), revision.strip()
        if revision in ("", "HEAD"):
            return None, ""
        name = refs.full_name(await self._name(repository, refs, revision, prefix))
        by_id = revision if not name and (FULL_SHA.match(revision) or SHORT_SHA.match(revision)) else ""
        own = refs.tags.get(name, by_id)
        if not own:
            return None, ""
        with self._reading(repository):
            found = repository.mirror.repository[own]
        own_name = name.removeprefix(TAGS) if name.startswith(TAGS) else ""
        return (found if isinstance(found, pygit2.Tag) else None), own_name

    async def tree(
        self, repo_url: str, sha: str, permitted: Permitted | None = None, checked: Checked | None = None
    ) -> Tree:
        """The files of a commit, read from the object database when they are asked for.

        Submodules and, where the Secret says so, files in Git LFS are fetched before; what of them cannot be had is
        an error for who reads it.

        Args: permitted: whether a submodule's repository, by its URL, may be read; all may without it.
            checked: refuses URLs that files may not name.
        Raises: Unreachable: the commit has not been fetched. The same, when it is read later: the mirror is damaged.
        """
        repository = self._repository(repo_url)
        with self._reading(repository):
            root = _commit(repository, sha).tree_id
        return await self._checkouts.tree(repository, root, sha, Gate(permitted, checked))

    def _objects(self, repository: Repository) -> Objects:
        return Objects(
            lambda: repository.mirror.repository,
            lambda: self._reading(repository),
            repository.large if self.keyring.options(repository.location).lfs else None,
        )

    def folder(self, path: Path) -> Tree:
        """A folder of this machine with all of the clone around it, as the files are now."""
        root = path
        with suppress(Blocked):
            root = Clone.around(path).root
        return FolderTree(root)

    def commit(self, repo_url: str, sha: str) -> CommitInfo:
        """Author, date and subject of a commit. Raises: Blocked, Unreachable: it is not there."""
        with self._reading(self._repository(repo_url)) as repository:
            return history.describe(_commit(repository, sha))

    def changed_between(self, repo_url: str, old: str, new: str, path: str) -> tuple[CommitInfo, ...]:
        """Commits in `new` but not in `old` that changed `path`, newest first, at most 200."""
        with self._reading(self._repository(repo_url)) as repository:
            first, last = _commit(repository, old), _commit(repository, new)
            return history.changed_between(repository.mirror.repository, first.id, last.id, path)

    async def revert(self, request: RevertRequest) -> Reverted:
        """Undo what changed under a path between `good` and `bad` with one commit on the branch's tip, and push it.

        The refs are as before it: `refresh` tells of the new commit.
        Raises: Blocked: nothing to undo; conflicts, when the tracked branch is pushed to; the revision is no branch;
            the login may not write. Unreachable: no answer in time, or others keep pushing.
        """
        repository = self._repository(request.repo_url)
        bad = await self.latest(request.repo_url, request.bad)
        good = await self.latest(request.repo_url, request.good)
        exact = msgspec.structs.replace(request, bad=bad, good=good)
        with self._reading(repository):
            return await undo.revert(repository, exact, self._author)

    async def close(self) -> None:
        """Close all connections and files; no key stays on disk."""
        await self._tools.http.close()
        self.keyring.replace(())
        self.keyring.trust_certificates({})
        for repository in self._repositories.values():
            repository.mirror.close()

    @property
    def mirror_bytes(self) -> int:
        """What the mirrors take on disk, as measured at the last fetch of each."""
        return self._shelf.size

    async def _make_room(self, name: str) -> None:
        await self._shelf.grown(name, self._evict)

    def _evict(self, name: str) -> bool:
        known = self._repositories.get(name)
        if known is None:
            return True
        self._open.pop(known, None)
        return known.forget_mirror()

    def _repository(self, repo_url: str) -> Repository:
        known = self._by_url.get(repo_url)
        if known is None:
            location = locate(repo_url)
            self._refuse_mirrors(location)
            digest = sha256(_identity(location).encode()).hexdigest()[:24]
            known = self._repositories.get(digest)
            if known is None:
                known = Repository(location, self._folder / digest, self._tools)
                self._repositories[digest] = known
            self._by_url[repo_url] = known
        return known

    def _refuse_mirrors(self, location: Location) -> None:
        """A path into our folder would read other people's private repositories. Raises: Blocked."""
        inside = location.scheme == "file" and Path(location.path).resolve().is_relative_to(self._folder.resolve())
        if inside:
            problem = "is a copy that todoke keeps of another repository"
            raise Blocked(location.subject, problem, next_step="Name the repository itself")

    @contextmanager
    def _reading(self, repository: Repository) -> Iterator[Repository]:
        """Read from a mirror; what cannot be read although it must be there makes the next refresh build it anew."""
        self._shelf.use(repository.mirror.folder.name)
        self._open[repository] = None
        self._open.move_to_end(repository)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[0].mirror.close()
        try:
            yield repository
        except (pygit2.GitError, KeyError) as error:
            repository.mirror.damaged = True
            raise Unreachable(repository.location.subject, "its mirror is damaged and will be built anew") from error

    async def _full_sha(self, repository: Repository, sha: str) -> str:
        if repository.mirror.lacks([sha]):
            await repository.fetch_commit(sha)
        if repository.mirror.lacks([sha]):
            raise _unknown(repository, repository.refs or Refs({}), sha)
        return self._commit_of(repository, sha, sha)

    def _short_sha(self, repository: Repository, short: str) -> str:
        try:
            return str(repository.mirror.repository[short].id)
        except KeyError:
            return ""
        except ValueError as error:
            raise Blocked(
                repository.location.subject,
                f'revision "{short}" is ambiguous, several objects begin with it',
                field=_REVISION,
                next_step="Write more digits of it",
            ) from error

    def _commit_of(self, repository: Repository, sha: str, revision: str) -> str:
        with self._reading(repository):
            found = repository.mirror.repository[sha]
            try:
                return str(found.peel(pygit2.Commit).id)
            except (pygit2.InvalidSpecError, pygit2.GitError, ValueError) as error:
                raise Blocked(
                    repository.location.subject, f'revision "{revision}" is not a commit', field=_REVISION
                ) from error


def _identity(location: Location) -> str:
    """What has a mirror of its own. A login that a URL bears opens nothing for who names the URL without it."""
    if not (location.user or location.password):
        return location.url
    return "\0".join((location.url, location.user, location.password.reveal()))


def _commit(repository: Repository, sha: str) -> pygit2.Commit:
    try:
        return repository.mirror.repository[sha].peel(pygit2.Commit)
    except (KeyError, ValueError):
        raise Unreachable(repository.location.subject, f"commit {sha[:8]} has not been fetched") from None


def _unknown(repository: Repository, refs: Refs, revision: str, tag_prefix: str = "") -> Blocked:
    subject = repository.location.subject
    if not refs.tips:
        return Blocked(subject, "the repository is empty", field=_REVISION, next_step="Push a first commit")
    tags = f' that begin with "{tag_prefix}"' if tag_prefix else ""
    if is_constraint(revision):
        count = sum(1 for name in refs.tips if name.startswith(TAGS + tag_prefix))
        problem = f'none of {count} tags{tags} is a version in "{revision}"'
        return Blocked(subject, problem, field=_REVISION, next_step="Push such a tag or correct targetRevision")
    near = refs.near(revision)
    names = f" (there are: {', '.join(near)})" if near else ""
    prefix = f', nor a tag "{tag_prefix}{revision}"' if tag_prefix else ""
    return Blocked(
        subject,
        f'revision "{revision}" not found among {len(refs.tips)} branches and tags{prefix}{names}',
        field=_REVISION,
        next_step="Push it or correct targetRevision",
    )
