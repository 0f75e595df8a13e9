"""Fetches what files in Git name elsewhere, as far as the application's project and the guard permit it."""

from contextlib import suppress
from urllib.parse import urlsplit

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.model.remotes import Permitted, RemoteBase, RemoteChart, is_file_name
from todoke.model.sources import shown_url
from todoke.model.telemetry import Telemetry
from todoke.model.trees import Tree
from todoke.source.charts import Charts
from todoke.source.checkout import Checked
from todoke.source.remote.files import Files
from todoke.source.remote.guard import Guard
from todoke.source.repositories import GitSource
from todoke.source.urls import locate, same_place

_NOT_PERMITTED = "the application's project does not permit it"
_PERMIT = "Add it to spec.sourceRepos of the AppProject"
_ALL_VERSIONS = ">=0.0.0-0"
_GIT_MARKS = ("//", ".git/", "_git/")


class Remotes:
    """Remote bases, files and charts of kustomizations."""

    def __init__(self, git: GitSource, charts: Charts, guard: Guard, telemetry: Telemetry) -> None:
        """Args: charts: guarded ones."""
        self._git, self._charts, self._guard = git, charts, guard
        self._files = Files(git.keyring, guard, telemetry)

    async def close(self) -> None:
        """Close all connections."""
        await self._files.close()

    async def base(self, wanted: RemoteBase, permitted: Permitted | None = None) -> Tree | bytes:
        """See `Elsewhere`. Which of file and repository it is, kustomize finds out by asking for the file; we do so
        only where the URL does not tell (docs/decisions/0032).
        """
        if not wanted.repo or not says_git(wanted.url):
            data = await self._as_file(wanted, permitted)
            if data is not None:
                return data
        return await self._repository(wanted, permitted)

    async def _as_file(self, wanted: RemoteBase, permitted: Permitted | None) -> bytes | None:
        """The file that a URL may be; None where it is a repository instead."""
        certain = not wanted.repo
        if not certain and permitted is not None and not permitted(wanted.file):
            return None
        try:
            data = await self.file(wanted.file, permitted)
        except (Blocked, Unreachable):
            if certain or is_file_name(wanted.url):
                raise
            return None
        if data is None and (certain or is_file_name(wanted.url)):
            raise Blocked(f"File {shown_url(wanted.url)}", "is not there (HTTP 404)", next_step="Correct the URL")
        return None if data is None or (_is_page(data) and not certain) else data

    async def _repository(self, wanted: RemoteBase, permitted: Permitted | None) -> Tree:
        subject = f"Remote base {shown_url(wanted.url)}"
        if locate(wanted.repo).scheme == "file":
            problem = "is a folder of the machine that todoke runs on"
            raise Blocked(subject, problem, next_step="Use the URL of a server, or a path in the same repository")
        if permitted is not None and not permitted(wanted.repo):
            raise Blocked(subject, f"{_NOT_PERMITTED}, as {shown_url(wanted.repo)}", next_step=_PERMIT)
        try:
            await self._check(wanted.repo)
            sha = await self._git.newest(wanted.repo, wanted.ref)
            return await self._git.tree(wanted.repo, sha, permitted, self._check)
        except DeliveryError as error:
            raise _told(subject, error) from error

    async def _check(self, repo_url: str) -> None:
        """Guard a repository that a file names. What an Application may name itself, and a file may not, is refused."""
        if not self._git.use_guard(repo_url, self._guard) and not self._guard.named(repo_url):
            with suppress(Unreachable):  # only a proxy knows the name
                await self._guard.resolved(repo_url)

    def beside(self, repo_url: str) -> Checked:
        """What checks the submodules of a repository that an Application names: those on its own host are as it is."""

        async def checked(url: str) -> None:
            if same_place(repo_url, url):
                self._git.use_guard(url, None)
            else:
                await self._check(url)

        return checked

    async def file(self, url: str, permitted: Permitted | None = None) -> bytes | None:
        """See `Elsewhere`."""
        if permitted is not None and not permitted(url):
            raise Blocked(f"File {shown_url(url)}", _NOT_PERMITTED, next_step=_PERMIT)
        return await self._files.file(url)

    async def chart(self, wanted: RemoteChart, permitted: Permitted | None = None) -> Tree:
        """See `Elsewhere`."""
        repo, name = wanted.repo, wanted.name
        if permitted is not None and not permitted(repo):
            problem = "the application's project does not permit that repository"
            raise Blocked(f"Chart {name} of {shown_url(repo)}", problem, next_step=_PERMIT)
        version = await self._charts.resolve(repo, name, wanted.version or (_ALL_VERSIONS if wanted.devel else ""))
        return await self._charts.tree(repo, name, version)


def says_git(url: str) -> bool:
    """Whether a URL that may be one of Git can be nothing else: it names no file, and a way that only Git has."""
    text = url.lower().removeprefix("git::")
    if text != url.lower() or not text.startswith(("http://", "https://")):
        return True
    parts = urlsplit(text)
    if is_file_name(text):
        return False
    return any(mark in f"{parts.path}/" for mark in _GIT_MARKS) or parts.hostname == "github.com"


def _is_page(data: bytes) -> bool:
    """Whether something is a web page, as forges show of a repository."""
    return data.lstrip()[:1] == b"<"


def _told(subject: str, error: DeliveryError) -> DeliveryError:
    """An error that names the base that was wanted, in the place of a field of the Application."""
    told = str(error).replace(f" {error.field}: ", ": ", 1) if error.field else str(error)
    return (Unreachable if isinstance(error, Unreachable) else Blocked)(subject, f"it cannot be had: {told}")
