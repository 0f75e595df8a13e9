"""Charts of Helm repositories: an `index.yaml` and archives beside it or elsewhere."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.charts import refusals
from todoke.source.charts.client import Answer, Ask
from todoke.source.charts.index import BadIndex, ChartVersion, Index, parse
from todoke.source.charts.oci_charts import OciCharts
from todoke.source.charts.places import Place
from todoke.source.charts.registry import version_of
from todoke.source.charts.tools import Tools

_WHAT = "its index.yaml"
_OCI_ARCHIVE = re.compile(r"(oci://[^:/?#]+(?::\d+)?/.+)/([^/:]+):([^/:]+)")


class _Heard(msgspec.Struct, frozen=True):
    """An index, and when it was heard. `etag` and `modified` are the server's marks of it."""

    index: Index
    at: float
    etag: str = ""
    modified: str = ""


class HelmRepositories:
    """All Helm repositories of one process: their indexes as last heard."""

    def __init__(self, tools: Tools, registries: OciCharts) -> None:
        self._tools, self._registries = tools, registries
        self._heard: dict[str, _Heard] = {}
        self._reported: dict[tuple[str, str], str] = {}

    async def versions(self, place: Place, chart: str) -> Sequence[str]:
        """All versions of a chart as its index lists them. Raises: Blocked: there is no such chart."""
        return [each.version for each in await self._versions(place, await self._index(place), chart)]

    async def changed(self, place: Place, chart: str) -> bool:
        """Ask again. Returns: whether something about the chart changed since the last time; True the first time."""
        mark = (await self._asked_again(place)).mark(chart)
        before = self._reported.get((place.identity, chart))
        self._reported[place.identity, chart] = mark
        return mark != before

    async def exact(self, _place: Place, _chart: str, _version: str) -> bool:
        """Whether a version is there, where that can be told without all versions."""
        return False

    async def promised(self, place: Place, chart: str, version: str) -> str:
        """The digest of an archive as the index says it, without asking for it; "" when that is not known."""
        heard = self._heard.get(place.identity)
        if heard is None or chart not in heard.index:
            return ""
        listed = await self._versions(place, heard.index, chart)
        return next((each.digest for each in listed if each.version == version), "")

    async def learn(self, place: Place, _chart: str, _version: str) -> None:
        """Ask for what `promised` needs, when that is not known."""
        await self._index(place)

    async def download(self, place: Place, chart: str, version: str, *, everywhere: bool = False) -> bytes:
        """An archive.

        Args: everywhere: whether the login goes to other hosts, too.
        Raises: Blocked: no such version; not what its digest says.
        """
        index = await self._index(place)
        listed = await self._versions(place, index, chart)
        found = next((each for each in listed if each.version == version), None)
        if found is None:
            newest = await self._tools.sorted([each.version for each in listed])
            raise refusals.no_version(place, chart, version, newest, len(listed))
        what = f"the archive of chart {chart} {version}"
        if not found.urls:
            problem = f"its index.yaml names no address of {what}"
            raise Blocked(place.subject, problem, next_step="Write the index again with helm repo index")
        data = await self._fetched(place, resolved(place.url, found.urls[0]), what, everywhere=everywhere)
        digest = hashlib.sha256(data).hexdigest()
        if found.digest and digest != found.digest:
            raise refusals.not_the_digest(place, what, found.digest, digest)
        return data

    async def _fetched(self, place: Place, url: str, what: str, *, everywhere: bool) -> bytes:
        if match := _OCI_ARCHIVE.fullmatch(url):
            elsewhere = self._tools.place(match[1])
            return await self._registries.download(elsewhere, match[2], version_of(match[3]))
        if urlsplit(url).scheme not in ("http", "https"):
            raise Blocked(place.subject, f"{what} has an address other than https://, http:// and oci://")
        limit = self._tools.limits.archive_bytes
        ask = Ask(url, "archive", what, limit, place.url, everywhere=everywhere, unpack=False)
        answer = await self._tools.client.ask(place, ask)
        if answer.status != 200:
            raise refusals.http_error(place, what, answer.status)
        return answer.body

    async def _versions(self, place: Place, index: Index, chart: str) -> Sequence[ChartVersion]:
        if chart not in index:
            raise refusals.no_chart(place, chart, index.names)
        if (known := index.known(chart)) is not None:
            return known
        try:
            return await asyncio.to_thread(index.versions, chart)
        except BadIndex as error:
            raise _bad(place, error) from error

    async def _index(self, place: Place) -> Index:
        """The index as last heard, asked for again when that is too long ago. Silence does not make it useless."""
        heard = self._heard.get(place.identity)
        if heard is not None and self._tools.clock() - heard.at < self._tools.limits.fresh_seconds:
            return heard.index
        try:
            return await self._asked_again(place)
        except Unreachable:
            if heard is None:
                raise
            return heard.index

    async def _asked_again(self, place: Place) -> Index:
        return await self._tools.turns.share(f"index {place.identity}", lambda: self._ask(place))

    async def _ask(self, place: Place) -> Index:
        heard = self._heard.get(place.identity) or await self._kept(place)
        marks = {}
        if heard is not None:
            marks = {"If-None-Match": heard.etag, "If-Modified-Since": heard.modified}
        headers = {name: value for name, value in marks.items() if value}
        ask = Ask(index_url(place.url), "index", _WHAT, self._tools.limits.index_bytes, place.url, headers)
        answer = await self._tools.client.ask(place, ask)
        if answer.status == 304 and heard is not None:
            self._heard[place.identity] = msgspec.structs.replace(heard, at=self._tools.clock())
            return heard.index
        if answer.status != 200:
            raise _no_index(place, answer)
        index = await self._read(place, answer.body, heard)
        etag, modified = (answer.headers.get(name, "") for name in ("etag", "last-modified"))
        self._heard[place.identity] = _Heard(index, self._tools.clock(), etag, modified)
        if heard is None or heard.index is not index:
            digest = await self._tools.keep(answer.body)
            self._tools.disk.tell(f"index {place.identity}", digest=digest, etag=etag, modified=modified)
        return index

    async def _read(self, place: Place, body: bytes, heard: _Heard | None) -> Index:
        """The index in a text; the one that was heard, when it is the same text."""
        try:
            return await asyncio.to_thread(parse, body, heard.index if heard is not None else None)
        except BadIndex as error:
            raise _bad(place, error) from error

    async def _kept(self, place: Place) -> _Heard | None:
        """The index that another process heard last: where it did not change, it is not sent again."""
        fact = self._tools.disk.fact(f"index {place.identity}")
        body = await self._tools.kept(fact.get("digest", ""))
        if body is None:
            return None
        try:
            index = await self._read(place, body, None)
        except DeliveryError:
            return None
        return _Heard(index, float("-inf"), fact.get("etag", ""), fact.get("modified", ""))


def index_url(base: str) -> str:
    """Where the index of a repository is. What follows a `?` in a repository's URL belongs to each request."""
    parts = urlsplit(base)
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/index.yaml", parts.query, ""))


def resolved(base: str, url: str) -> str:
    """The address of an archive. Source: Helm, repo.ResolveReferenceURL.

    Args: base: the repository's URL. url: as the index has it, absolute or relative to that.
    """
    if urlsplit(url).scheme:
        return url
    parts = urlsplit(base)
    joined = urlsplit(urljoin(urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/", "", "")), url))
    return urlunsplit((joined.scheme, joined.netloc, joined.path, joined.query or parts.query, ""))


def _bad(place: Place, error: BadIndex) -> Blocked:
    return Blocked(place.subject, f"{_WHAT} {error}", next_step="Write it again with helm repo index")


def _no_index(place: Place, answer: Answer) -> DeliveryError:
    if answer.status in (404, 410):
        problem = "there is no Helm repository: it has no index.yaml"
        return Blocked(place.subject, problem, next_step="Correct repoURL, or write oci:// for a registry")
    return refusals.http_error(place, _WHAT, answer.status)
