"""Asking a Git server over HTTP for its refs, on kept connections. Source: Git, gitprotocol-http and gitprotocol-v2."""

import ssl
from contextlib import AbstractAsyncContextManager
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec

from todoke.model.errors import Blocked, Unreachable
from todoke.source.keyring import ADD_AUTHORITY, Login
from todoke.source.remote.guard import AddressRefused, Guard, blocked, refused_by
from todoke.source.urls import Location, same_place, scrubbed

_MOST_HOPS = 10
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_LARGEST_ANSWER = 64 * 1024 * 1024
_REQUEST_HEADERS = {
    "Content-Type": "application/x-git-upload-pack-request",
    "Accept": "application/x-git-upload-pack-result",
    "Git-Protocol": "version=2",
    "User-Agent": "git/todoke",  # some forges serve Git only to what calls itself git
}


class Door(msgspec.Struct, frozen=True):
    """Where and how one repository is asked: what is worked out once and kept."""

    base: str
    login: Login
    tls: ssl.SSLContext | bool
    headers: dict[str, str]
    proxy: str | None = None
    guard: Guard | None = None  # refuses addresses


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer."""

    status: int
    body: bytes
    url: str  # after redirects


def open_door(location: Location, base: str, login: Login) -> Door:
    """How to ask for a repository at `base`, its URL or where that redirects to.

    Raises: Blocked: the client certificate is not one.
    """
    headers = dict(_REQUEST_HEADERS)
    if login.header:
        headers["Authorization"] = login.header.reveal()
    try:
        tls = login.tls()
    except (ssl.SSLError, OSError) as error:
        raise Blocked(login.origin, "its client certificate cannot be used", field="tlsClientCertData") from error
    return Door(base, login, tls, headers, _proxy(location, login))


def _proxy(location: Location, login: Login) -> str | None:
    if login.proxy is not None:
        return login.proxy.reveal() or None
    host = location.host.rpartition(":")[0] or location.host
    return None if proxy_bypass(host) else getproxies().get(location.scheme)


class SmartHttp:
    """One pool of connections for all repositories."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=10, sock_read=30)
        self._sessions: dict[Guard | None, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions = {}

    async def ls_refs(self, location: Location, door: Door, body: bytes) -> Answer:
        """The answer to one POST; a redirect is an answer, not followed."""
        url = f"{door.base}/git-upload-pack"
        return await self.ask(location, door, "POST", url, body)

    async def advertisement(self, location: Location, door: Door, service: str) -> Answer:
        """The answer to `GET info/refs`, redirects followed. aiohttp drops the login at another host."""
        url = f"{door.base}/info/refs?service={service}"
        return await self.ask(location, door, "GET", url, None)

    async def ask(
        self,
        location: Location,
        door: Door,
        method: str,
        url: str,
        body: bytes | None,
        most_bytes: int = _LARGEST_ANSWER,
    ) -> Answer:
        """The answer to one request. Only a GET follows redirects, and aiohttp drops the login at another host.

        Raises: Blocked: a certificate is not trusted, or the address is refused. Unreachable: no answer, or one that is
            too large.
        """
        for attempt in (1, 2):
            try:
                return await self._once(door, method, url, body, most_bytes)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError) as error:
                if attempt == 2:  # the first was a kept connection that the server had closed meanwhile
                    raise Unreachable(location.subject, "the server hung up") from error
            except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
                problem = f"its TLS certificate is not trusted: {scrubbed(str(error))}"
                raise Blocked(location.subject, problem, next_step=ADD_AUTHORITY) from error
            except (aiohttp.ClientError, OSError) as error:
                if door.guard is not None and (text := refused_by(error)):
                    raise blocked(location.subject, text) from error
                secrets = [secret.reveal() for secret in door.login.secrets]
                secrets.extend([door.login.proxy.reveal()] if door.login.proxy else [])
                detail = scrubbed(str(error), *secrets) or "it took too long"
                raise Unreachable(location.subject, f"no answer: {detail}") from error
        raise AssertionError("unreachable")

    async def _once(self, door: Door, method: str, url: str, body: bytes | None, most_bytes: int) -> Answer:
        for _ in range(_MOST_HOPS):
            async with self._asked(door, method, url, body) as response:
                there = response.headers.get("Location", "")
                if door.guard is None or method != "GET" or response.status not in _REDIRECTS or not there:
                    return Answer(response.status, await _read(response, most_bytes), str(response.url))
            there = urljoin(url, there)
            if not same_place(url, there):
                headers = {name: value for name, value in door.headers.items() if name.lower() != "authorization"}
                door = msgspec.structs.replace(door, headers=headers, tls=not door.login.insecure)
            url = there
        raise aiohttp.ClientPayloadError("it is redirected in circles")

    def _asked(
        self, door: Door, method: str, url: str, body: bytes | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """One request. Where addresses are guarded, redirects are not followed: each is looked at by itself."""
        guard = None if door.guard is None or door.guard.named(url) else door.guard
        if guard is not None and door.proxy is not None:  # it connects, not we
            if text := guard.refusal_of_literal(url):
                raise AddressRefused(text)
            guard = None
        return self._session(guard).request(
            method,
            url,
            data=body,
            headers=door.headers,
            ssl=door.tls,
            proxy=door.proxy,
            allow_redirects=door.guard is None and method == "GET",
        )

    def _session(self, guard: Guard | None) -> aiohttp.ClientSession:
        if guard not in self._sessions:
            factory = guard.socket if guard is not None else None
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=16, keepalive_timeout=300, socket_factory=factory)
            self._sessions[guard] = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._sessions[guard]


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > most_bytes:
            raise aiohttp.ClientPayloadError(f"it is larger than {most_bytes} bytes")
    return b"".join(chunks)
