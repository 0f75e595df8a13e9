"""Helm charts, from Helm repositories and OCI registries."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from todoke.model.credentials import AzureLogin, GoogleLogin
from todoke.model.errors import Blocked
from todoke.model.telemetry import Telemetry
from todoke.model.trees import Tree
from todoke.source.charts import refusals
from todoke.source.charts.archive import ArchiveTree
from todoke.source.charts.helm_repositories import HelmRepositories
from todoke.source.charts.oci_charts import Artifacts, OciCharts
from todoke.source.charts.oci_files import OciFiles
from todoke.source.charts.places import Place
from todoke.source.charts.proxies import proxy_for
from todoke.source.charts.tools import Limits, Tools
from todoke.source.cloud_logins import CloudTokens
from todoke.source.keyring import Keyring, Login
from todoke.source.versions import Matching

_USUAL = Limits()
_NEWEST = frozenset(("", "*", "HEAD", "latest"))


class Charts:
    """All charts of one process. It belongs to one event loop, and its folder to one process."""

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        matching: Matching,
        telemetry: Telemetry,
        *,
        limits: Limits = _USUAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked or written yet.

        Args: folder: for the cache. keyring: its credentials may be replaced at any time. clock: seconds that never go
            back.
        """
        self._tools = Tools(folder, keyring, matching, telemetry, limits, clock)
        artifacts = Artifacts(self._tools)
        self._registries = OciCharts(self._tools, artifacts)
        self._repositories = HelmRepositories(self._tools, self._registries)
        self.files = OciFiles(self._tools, artifacts)

    def use_clouds(self, clouds: CloudTokens) -> None:
        """Ask for tokens where a Secret names an identity of Azure or Google."""

        async def unlock(place: Place) -> Login:
            if not isinstance(place.login.app, AzureLogin | GoogleLogin):
                return place.login
            registry, proxy = place.url if place.is_registry else "", proxy_for(place.url, place.options)
            return await clouds.login(place.location, place.login, proxy, registry)

        self._tools.client.unlock = unlock

    async def resolve(self, repo_url: str, chart: str, wanted: str) -> str:
        """The version that a targetRevision means: one version, a constraint such as `^1.2`, or "" for the newest.

        An exact version that was read before is not asked for again.
        Raises: Blocked: no such chart; nothing fits; the constraint is not valid. Unreachable: no answer in time.
        """
        place, wanted = self._tools.place(repo_url), wanted.strip()
        if self._pinned(place, chart, wanted) or (
            wanted not in _NEWEST and await self._shelf(place).exact(place, chart, wanted)
        ):
            return wanted
        versions = await self._shelf(place).versions(place, chart)
        if wanted in versions:
            return wanted
        found = await self._tools.newest("*" if wanted in _NEWEST else wanted, versions)
        if not found:
            newest = await self._tools.sorted(versions)
            raise refusals.no_version(place, chart, wanted or "*", newest, len(versions))
        return found

    async def fits(self, constraint: str, version: str) -> bool:
        """Whether a constraint allows a version; "" allows all that are no pre-release. Raises: Blocked: not valid."""
        return constraint == version or bool(await self._tools.newest(constraint or "*", [version]))

    async def tree(self, repo_url: str, chart: str, version: str, *, pass_credentials: bool = False) -> Tree:
        """The files of a chart; its folder is the root.

        Args: version: an exact one. pass_credentials: the login goes to other hosts, where the index names such.
        Raises: Blocked: no such version; not what its digest says; an archive that cannot be used. Unreachable: no
            answer in time.
        """
        place = self._tools.place(repo_url)
        promised = await self._promised(place, chart, version)
        if promised and (known := self._tools.tree(promised, version)) is not None:
            return known
        wanted = _Wanted(place, chart, version, pass_credentials)
        return await self._tools.turns.share(f"tree {wanted.key} {promised}", lambda: self._unpacked(wanted, promised))

    async def archive(self, repo_url: str, chart: str, version: str, *, pass_credentials: bool = False) -> bytes:
        """The .tgz of a chart. As `tree`."""
        wanted = _Wanted(self._tools.place(repo_url), chart, version, pass_credentials)
        return (await self._archive(wanted, await self._promised(wanted.place, chart, version)))[1]

    async def refresh(self, repo_url: str, chart: str) -> bool:
        """Ask again what is there. Returns: whether something about the chart changed; True the first time.

        Raises: as `resolve`.
        """
        place = self._tools.place(repo_url)
        return await self._shelf(place).changed(place, chart)

    def forget_failures(self) -> None:
        """Try again what failed; the credentials have changed."""
        self._tools.turns.forget_failures()

    async def close(self) -> None:
        """Close all connections; who still waits is cancelled."""
        await self._tools.close()

    def _shelf(self, place: Place) -> HelmRepositories | OciCharts:
        return self._registries if place.is_registry else self._repositories

    def _pinned(self, place: Place, chart: str, version: str) -> str:
        """The digest of an archive that was read before."""
        return self._tools.disk.fact(_about(place, chart, version)).get("digest", "")

    async def _promised(self, place: Place, chart: str, version: str) -> str:
        """The digest of an archive, "" where nobody says it; asked for where it is not known, so that all agree."""
        shelf = self._shelf(place)
        known = await shelf.promised(place, chart, version) or self._pinned(place, chart, version)
        if known:
            return known
        await shelf.learn(place, chart, version)
        return await shelf.promised(place, chart, version)

    async def _unpacked(self, wanted: "_Wanted", promised: str) -> ArchiveTree:
        digest, data = await self._archive(wanted, promised)
        known = self._tools.tree(digest, wanted.version)
        if known is not None:
            return known
        folder = wanted.chart.rpartition("/")[2]
        tree = await self._tools.unpacked(wanted.subject, digest, data, wanted.version, folder)
        if not any(name == "Chart.yaml" for name, _ in tree.entries(tree.root)):
            raise Blocked(wanted.subject, "holds no Chart.yaml", next_step="Package it again")
        return tree

    async def _archive(self, wanted: "_Wanted", promised: str) -> tuple[str, bytes]:
        data = await self._tools.kept(promised)
        if data is not None:
            return promised, data
        return await self._tools.turns.share(f"archive {wanted.key} {promised}", lambda: self._downloaded(wanted))

    async def _downloaded(self, wanted: "_Wanted") -> tuple[str, bytes]:
        place, chart, version = wanted.place, wanted.chart, wanted.version
        data = await self._shelf(place).download(place, chart, version, everywhere=wanted.pass_credentials)
        digest = await self._tools.keep(data)
        self._tools.disk.tell(_about(place, chart, version), digest=digest)
        return digest, data


class _Wanted(msgspec.Struct, frozen=True):
    place: Place
    chart: str
    version: str
    pass_credentials: bool

    @property
    def subject(self) -> str:
        return f"Chart {self.chart} {self.version} of {self.place.subject}"

    @property
    def key(self) -> str:
        return f"{self.place.identity} {self.pass_credentials} {self.chart} {self.version}"


def _about(place: Place, chart: str, version: str) -> str:
    return f"chart {place.identity} {chart} {version}"
