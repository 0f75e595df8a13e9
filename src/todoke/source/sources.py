"""All sources of one process behind one door: Git repositories, charts, OCI artifacts."""

from collections.abc import Iterable
from pathlib import Path

from todoke.model.credentials import Credential
from todoke.model.errors import Blocked
from todoke.model.remotes import RemoteBase, RemoteChart
from todoke.model.signatures import Trust
from todoke.model.sources import CommitInfo, Origin, Reverted, RevertRequest, SourceSpec, shown_url
from todoke.model.telemetry import Telemetry
from todoke.model.trees import Tree
from todoke.model.trusted import Trusted
from todoke.source.charts import Charts, Limits, with_dependencies
from todoke.source.checkout import Permitted
from todoke.source.remote.guard import Guard, Network
from todoke.source.remote.remotes import Remotes
from todoke.source.repositories import GitSource
from todoke.source.versions import Matching


class Sources:
    """Implements the `Source` port. It belongs to one event loop, and its folders to one process."""

    def __init__(
        self,
        git: GitSource,
        folder: Path,
        matching: Matching,
        telemetry: Telemetry,
        *,
        networks: Iterable[Network] = (),
    ) -> None:
        """Nothing is asked yet.

        Args:
            folder: for charts and artifacts. matching: decides which versions a constraint allows.
            networks: private ones that files in Git may name, beside what Secrets name.
        """
        self._git = git
        self._charts = Charts(folder, git.keyring, matching, telemetry)
        guard = Guard(lambda url: bool(git.keyring.covering(url)), networks)
        beside = folder.with_name(f"{folder.name}-guarded")
        self._guarded = Charts(beside, git.keyring, matching, telemetry, limits=Limits(guard=guard))
        self._remotes = Remotes(git, self._guarded, guard, telemetry)
        for charts in (self._charts, self._guarded):
            charts.use_clouds(git.clouds)

    def use_credentials(self, credentials: Iterable[Credential]) -> None:
        """Replace all credentials."""
        self._git.use_credentials(credentials)
        for charts in (self._charts, self._guarded):
            charts.forget_failures()

    def use_trusted(self, trusted: Trusted) -> None:
        """Replace whom we trust: SSH hosts, certificates of hosts, and who signs commits."""
        self._git.use_known_hosts(trusted.known_hosts)
        self._git.use_certificates(trusted.certificates)
        self._git.use_signers(trusted.signers)

    async def untrusted(self, spec: SourceSpec, revision: str, wanted: str, trust: Trust) -> tuple[str, ...]:
        """Why the signatures of an exact revision are not what is demanded; none when they are, or there is no Git.

        Args: wanted: what `latest` found it by.
        Raises: Blocked, Unreachable: it cannot be had.
        """
        if spec.chart or spec.origin.is_registry:
            return ()
        return await self._git.untrusted(spec.repo_url, revision, (wanted, spec.tag_prefix), trust)

    async def refresh(self, origin: Origin) -> bool:
        """Ask once what is there now. Returns: whether something moved; True the first time.

        Raises: Unreachable: no answer in time. Blocked: it is not there, or a login is wrong or missing.
        """
        if origin.chart:
            return await self._charts.refresh(origin.repo_url, origin.chart)
        if origin.is_registry:
            return await self._charts.files.refresh(origin.repo_url)
        self._git.use_guard(origin.repo_url, None)
        return await self._git.refresh(origin.repo_url)

    async def latest(self, spec: SourceSpec, revision: str) -> str:
        """The exact revision that a targetRevision means: a commit's SHA, a chart's version, an artifact's digest.

        Raises: Blocked: there is no such revision. Unreachable: no answer in time.
        """
        if spec.chart:
            return await self._charts.resolve(spec.repo_url, spec.chart, "" if revision == "HEAD" else revision)
        if spec.origin.is_registry:
            return await self._charts.files.resolve(spec.repo_url, "" if revision == "HEAD" else revision)
        self._git.use_guard(spec.repo_url, None)
        return await self._git.latest(spec.repo_url, revision, spec.tag_prefix)

    async def tree(self, spec: SourceSpec, revision: str, permitted: Permitted | None = None) -> Tree:
        """The files of an exact revision.

        Raises: Blocked, Unreachable: they cannot be had.
        """
        if spec.chart:
            passed = bool(spec.helm and spec.helm.pass_credentials)
            return await self._charts.tree(spec.repo_url, spec.chart, revision, pass_credentials=passed)
        if spec.origin.is_registry:
            return await self._charts.files.tree(spec.repo_url, revision)
        return await self._git.tree(spec.repo_url, revision, permitted, self._remotes.beside(spec.repo_url))

    async def completed(self, tree: Tree, path: str, permitted: Permitted | None = None) -> Tree:
        """A tree with the dependencies of the chart in a folder fetched into it.

        Raises: Blocked: one of them cannot be had, or may not be read. Unreachable: no answer in time.
        """
        return await with_dependencies(tree, path, _Fetching(self._guarded, permitted))

    async def base(self, wanted: RemoteBase, permitted: Permitted | None = None) -> Tree | bytes:
        """A remote base of a kustomization. See todoke.model.remotes.Elsewhere."""
        return await self._remotes.base(wanted, permitted)

    async def file(self, url: str, permitted: Permitted | None = None) -> bytes | None:
        """A file by its URL. See todoke.model.remotes.Elsewhere."""
        return await self._remotes.file(url, permitted)

    async def chart(self, wanted: RemoteChart, permitted: Permitted | None = None) -> Tree:
        """A chart of a kustomization. See todoke.model.remotes.Elsewhere."""
        return await self._remotes.chart(wanted, permitted)

    def folder(self, path: Path) -> Tree:
        """A folder of this machine with all of the clone around it."""
        return self._git.folder(path)

    def commit(self, repo_url: str, sha: str) -> CommitInfo:
        """Author, date and subject of a commit."""
        return self._git.commit(repo_url, sha)

    async def revert(self, request: RevertRequest) -> Reverted:
        """See `GitSource.revert`."""
        return await self._git.revert(request)

    async def close(self) -> None:
        """Close all connections and files."""
        await self._remotes.close()
        await self._guarded.close()
        await self._charts.close()
        await self._git.close()


class _Fetching:
    """Charts, as far as an application's project permits their repositories."""

    def __init__(self, charts: Charts, permitted: Permitted | None) -> None:
        self._charts, self._permitted = charts, permitted

    async def resolve(self, repo_url: str, chart: str, wanted: str) -> str:
        self._check(repo_url, chart)
        return await self._charts.resolve(repo_url, chart, wanted)

    async def archive(self, repo_url: str, chart: str, version: str) -> bytes:
        self._check(repo_url, chart)
        return await self._charts.archive(repo_url, chart, version)

    async def fits(self, constraint: str, version: str) -> bool:
        return await self._charts.fits(constraint, version)

    def _check(self, repo_url: str, chart: str) -> None:
        if self._permitted is not None and not self._permitted(repo_url):
            raise Blocked(
                f"Chart {chart} of {shown_url(repo_url)}",
                "the application's project does not permit that repository",
                next_step="Add it to spec.sourceRepos of the AppProject, or commit charts/",
            )
