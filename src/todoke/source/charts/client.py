"""Asking Helm repositories and OCI registries over HTTP. A login never goes to a place that it is not for."""

import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
import msgspec
from yarl import URL

from todoke.model.errors import Blocked, Unreachable
from todoke.model.telemetry import Telemetry
from todoke.source.charts.places import Place
from todoke.source.charts.proxies import proxy_for
from todoke.source.keyring import ADD_AUTHORITY, Login, tls_context
from todoke.source.remote.guard import Guard, blocked, refused_by
from todoke.source.urls import same_place, scrubbed

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_GZIP = 16 + zlib.MAX_WBITS
_MIB = 1024 * 1024
_URL = "%/:?#[]@!$&'()*+,;=~"


class Ask(msgspec.Struct, frozen=True):
    """One thing that is asked for.

    Attributes:
        kind: for metrics: index, archive, tags, manifest, blob or token.
        what: for messages, as in "its index.yaml". most_bytes: of the answer.
        headers: beside the login. authorization: instead of the login, and only for the first host.
        home: the URL whose host the login is for. with_login: whether the login may be sent at all.
        everywhere: whether the login goes to all other hosts too.
        unpack: whether an answer that was compressed for the way is unpacked. hops: redirects that are followed.
    """

    url: str
    kind: str
    what: str
    most_bytes: int
    home: str
    headers: Mapping[str, str] = {}
    authorization: str | None = None
    with_login: bool = True
    everywhere: bool = False
    unpack: bool = True
    method: str = "GET"
    hops: int = 10


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer after redirects. Names of headers are in small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Client:
    """One pool of connections for all repositories and registries."""

    def __init__(self, timeout_seconds: float, telemetry: Telemetry, guard: Guard | None = None) -> None:
        """Args: guard: refuses addresses; without it, every one is asked."""
        self._guard = guard
        self.unlock: Callable[[Place], Awaitable[Login]] = _as_it_is
        """The login of a place, with a token where it wants one."""
        self.authority: Callable[[str], str] = lambda _host: ""
        """The path of the certificates that a host is known by, "" for the system's."""
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=10, sock_read=30)
        self._telemetry = telemetry
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # by whether it is guarded
        self._tls: dict[tuple[str, str, bool], ssl.SSLContext] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions = {}

    async def ask(self, place: Place, ask: Ask) -> Answer:
        """The answer, whatever its status, redirects followed.

        Raises: Blocked: a certificate is wrong; the answer is too large; a redirect leads from TLS to none.
            Unreachable: no answer, or not in time.
        """
        started = time.perf_counter()
        self._telemetry.count("todoke_charts_request_total", request_type=ask.kind)
        try:
            return await self._followed(place, ask)
        finally:
            took = time.perf_counter() - started
            self._telemetry.observe("todoke_charts_request_duration_seconds", took, request_type=ask.kind)

    async def _followed(self, place: Place, ask: Ask) -> Answer:
        url = ask.url
        for _ in range(ask.hops + 1):
            answer = await self._patiently(place, ask, url)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            there = urljoin(url, answer.headers["location"])
            if urlsplit(there).scheme not in ("http", "https"):
                raise Blocked(place.subject, f"{ask.what} is redirected to what is no web address")
            if url.startswith("https:") and not there.startswith("https:"):
                raise Blocked(place.subject, f"{ask.what} is redirected from https:// to http://")
            url = there
        raise Blocked(place.subject, f"{ask.what} is redirected in circles")

    async def _patiently(self, place: Place, ask: Ask, url: str) -> Answer:
        for attempt in (1, 2):
            try:
                return await self._once(place, ask, url)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
                if attempt == 2:  # the first was a kept connection that the server had closed meanwhile
                    raise Unreachable(place.subject, f"the server hung up when asked for {ask.what}") from error
            except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
                problem = f"its TLS certificate is not trusted: {scrubbed(str(error), *place.secrets)}"
                raise Blocked(place.subject, problem, next_step=ADD_AUTHORITY) from error
            except (aiohttp.InvalidURL, ValueError) as error:
                raise Blocked(place.subject, f"{ask.what} or the proxy has an address that is none") from error
            except (aiohttp.ClientError, OSError) as error:  # a timeout is an OSError
                if self._guard is not None and (text := refused_by(error)):
                    raise blocked(place.subject, f"{ask.what} is not fetched: {text}") from error
                detail = scrubbed(str(error), *place.secrets) or "it took too long"
                raise Unreachable(place.subject, f"no answer when asked for {ask.what}: {detail}") from error
        raise AssertionError("unreachable")

    async def _once(self, place: Place, ask: Ask, url: str) -> Answer:
        proxy = proxy_for(url, place.options)
        guarded = self._guard is not None and not self._is_named(place, url)
        if guarded and proxy is not None:  # it connects, not we
            self._check_literal(place, ask, url)
        session = self._opened(guarded=guarded and proxy is None)
        ours = ask.with_login and (ask.everywhere or same_place(ask.home, url))
        headers = {"Accept-Encoding": "gzip" if ask.unpack else "identity", "User-Agent": "todoke", **ask.headers}
        login = await self.unlock(place) if ours and ask.authorization is None else place.login
        authorization = login.header.reveal() if ask.authorization is None else ask.authorization
        if ours and authorization:
            headers["Authorization"] = authorization
        async with session.request(
            ask.method,
            URL(quote(url, safe=_URL), encoded=True),  # a signed URL must arrive as it was written
            headers=headers,
            ssl=self._context(place, url, with_certificate=ours),
            proxy=proxy,
            allow_redirects=False,
        ) as response:
            told = {name.lower(): value for name, value in response.headers.items()}
            if response.status in _REDIRECTS:
                return Answer(response.status, b"", told)
            return Answer(response.status, await _read(response, place, ask), told)

    def _check_literal(self, place: Place, ask: Ask, url: str) -> None:
        if self._guard is not None and (text := self._guard.refusal_of_literal(url)):
            raise blocked(place.subject, f"{ask.what} is not fetched: {text}")

    def _is_named(self, place: Place, url: str) -> bool:
        """Whether an administrator named where a URL leads."""
        if self._guard is None or self._guard.named(url):
            return True
        return same_place(place.url, url) and self._guard.named(place.location.url)

    def _opened(self, *, guarded: bool) -> aiohttp.ClientSession:
        if guarded not in self._sessions:
            factory = self._guard.socket if guarded and self._guard is not None else None
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=16, keepalive_timeout=300, socket_factory=factory)
            self._sessions[guarded] = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a server may call an archive compressed for the way, which it is not
            )
        return self._sessions[guarded]

    def _context(self, place: Place, url: str, *, with_certificate: bool) -> ssl.SSLContext:
        authority = "" if place.insecure else self.authority(urlsplit(url).netloc.rpartition("@")[2])
        key = (place.login.certificate if with_certificate else "", authority, place.insecure)
        if key not in self._tls:
            try:
                self._tls[key] = tls_context(key[0], authority, insecure=place.insecure)
            except (ssl.SSLError, OSError) as error:
                problem = "its client certificate cannot be used"
                raise Blocked(place.login.origin, problem, field="tlsClientCertData") from error
        return self._tls[key]


async def _as_it_is(place: Place) -> Login:
    return place.login


async def _read(response: aiohttp.ClientResponse, place: Place, ask: Ask) -> bytes:
    packed = ask.unpack and response.headers.get("Content-Encoding", "").lower() == "gzip"
    chunks, size = [], 0
    async for chunk in _unpacked(response, place, ask) if packed else response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > ask.most_bytes:
            problem = f"{ask.what} is larger than {ask.most_bytes / _MIB:.3g} MiB"
            raise Blocked(place.subject, problem, next_step="Make it smaller, or use another repository")
    return b"".join(chunks)


async def _unpacked(response: aiohttp.ClientResponse, place: Place, ask: Ask) -> AsyncIterator[bytes]:
    inflate, data = zlib.decompressobj(_GZIP), b""
    try:
        async for chunk in response.content.iter_any():
            while chunk or len(data) == _MIB:
                data = inflate.decompress(chunk, _MIB)
                chunk = inflate.unconsumed_tail
                yield data
            data = b""
    except zlib.error as error:
        raise Unreachable(place.subject, f"{ask.what} came damaged: {error}") from error
    if not inflate.eof and response.status == 200 and ask.method == "GET":
        raise Unreachable(place.subject, f"{ask.what} came incomplete")
