"""Asking an orb registry, by GraphQL. Source: CircleCI, the queries orbVersion and orb of its public GraphQL schema."""

import asyncio
import ipaddress
import json
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.model.orb_locks import LARGEST_ORB, LockedOrb, Offer, Reference, order_of
from todoke.source.charts.proxies import proxy_for
from todoke.source.keyring import Options
from todoke.source.orbs.lock import sha256_of
from todoke.source.urls import scrubbed

_SECONDS: Final = 30
_LARGEST_ANSWER: Final = 3 * LARGEST_ORB  # JSON writes line ends and quotes as two signs
_REDIRECTS: Final = frozenset((301, 302, 307, 308))
_HOPS: Final = 3
_VERSION: Final = "query ($ref: String!) { orbVersion(orbVersionRef: $ref) { version source orb { name } } }"
_VERSIONS: Final = "query ($name: String!, $count: Int!) { orb(name: $name) { versions(count: $count) { version } } }"
_MOST_VERSIONS: Final = 200
_TOKEN: Final = "Set TODOKE_ORB_TOKEN to a token that may read it"  # noqa: S105


class Registry:
    """One registry. It belongs to one event loop."""

    def __init__(self, address: str, token: SecretText, seconds: float = _SECONDS) -> None:
        """Nothing is asked yet. Args: seconds: for one request.

        Raises: Blocked: the address is none, or what is sent there could be read and changed on its way.
        """
        self._address, self._token, self._seconds = address, token, seconds
        self.host = _host(address)
        self._subject = f"Orb registry {self.host}"
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    async def published(self, reference: Reference) -> Offer:
        """The text for a reference; the newest version that fits where only a part of one is named.

        Raises: Blocked: there is no such orb or version, it may not be read, or the answer is not what was asked for.
            Unreachable: no answer, or not in time.
        """
        found = await self._version(reference)
        if found is None and not reference.moves:
            newest = await self._newest(reference)
            found = await self._version(reference._replace(version=newest)) if newest else None
        if found is None:
            raise self._unknown(reference)
        version, text = self._checked(reference, found)
        return Offer(text, LockedOrb(version, sha256_of(text), registry=self.host))

    async def _version(self, reference: Reference) -> Any:
        data = await self._ask(_VERSION, {"ref": str(reference)}, f"the orb {reference}")
        return data.get("orbVersion")

    async def _newest(self, reference: Reference) -> str:
        asked = {"name": reference.orb, "count": _MOST_VERSIONS}
        orb = (await self._ask(_VERSIONS, asked, f"the versions of {reference.orb}")).get("orb")
        listed = orb.get("versions") if isinstance(orb, dict) else None
        versions = [each.get("version") for each in listed or () if isinstance(each, dict)]
        fitting = [each for each in versions if isinstance(each, str) and order_of(each) and reference.fits(each)]
        return max(fitting, key=order_of, default="")

    def _checked(self, reference: Reference, found: Any) -> tuple[str, str]:
        """Version and text of an answer: nothing else than what was asked for is believed."""
        found = found if isinstance(found, dict) else {}
        orb, version, text = found.get("orb"), found.get("version"), found.get("source")
        name = orb.get("name") if isinstance(orb, dict) else None
        if not isinstance(version, str) or not isinstance(text, str):
            raise Blocked(self._subject, f"gave no version and source for {reference}")
        if name != reference.orb or not reference.fits(version):
            answer = scrubbed(f"{name}@{version}", self._token.reveal())
            raise Blocked(self._subject, f"was asked for {reference} and answered {answer}")
        if len(text.encode(errors="replace")) > LARGEST_ORB:
            raise Blocked(f"Orb {reference}", f"is larger than {LARGEST_ORB // 1024 // 1024} MiB")
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # halves of letters, which JSON can write
            raise Blocked(self._subject, f"gave a source for {reference} that is no text")
        return version, text

    def _unknown(self, reference: Reference) -> Blocked:
        problem = f"has no {reference}. Check that the namespace, orb name and version are correct"
        hint = "The token may not read it either" if self._token else f"If it is private: {_TOKEN}"
        return Blocked(self._subject, problem, next_step=hint)

    async def _ask(self, query: str, variables: dict[str, Any], what: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                status, body = await self._followed(json.dumps({"query": query, "variables": variables}).encode())
        except aiohttp.ClientConnectorCertificateError as error:
            raise Blocked(self._subject, "its TLS certificate is not trusted") from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise Blocked(self._subject, "it or the proxy has an address that is none") from error
        except TimeoutError as error:
            raise Unreachable(self._subject, f"gave no answer in {self._seconds:g} s when asked for {what}") from error
        except aiohttp.ClientConnectorError as error:
            detail = error.os_error.strerror or type(error).__name__
            raise Unreachable(self._subject, f"cannot be reached: {detail}") from error
        except (aiohttp.ClientError, OSError) as error:
            detail = scrubbed(str(error), self._token.reveal()) or type(error).__name__
            raise Unreachable(self._subject, f"no answer when asked for {what}: {detail}") from error
        return self._data(status, body, what)

    async def _followed(self, body: bytes) -> tuple[int, bytes]:
        url = self._address
        for _ in range(_HOPS + 1):
            status, location, answer = await self._once(url, body)
            if status not in _REDIRECTS or not location:
                return status, answer
            there = urljoin(url, location)
            if not may_lead(url, there):
                problem = f"redirects to {scrubbed(there, self._token.reveal())}"
                next_step = "Only https:// on the same host is followed; name the address itself with --registry"
                raise Blocked(self._subject, problem, next_step=next_step)
            url = there
        raise Blocked(self._subject, "redirects in circles")

    async def _once(self, url: str, body: bytes) -> tuple[int, str, bytes]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "todoke"}
        if self._token:
            headers["Authorization"] = self._token.reveal()
        proxy = proxy_for(url, Options())
        async with self._session().post(
            url, data=body, headers=headers, proxy=proxy, allow_redirects=False
        ) as response:
            if response.status in _REDIRECTS:
                return response.status, response.headers.get("Location", ""), b""
            return response.status, "", await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > _LARGEST_ANSWER:
                problem = f"its answer is larger than {_LARGEST_ANSWER // 1024 // 1024} MiB"
                raise Blocked(self._subject, problem)
            chunks.append(chunk)
        return b"".join(chunks)

    def _data(self, status: int, body: bytes, what: str) -> dict[str, Any]:
        if status in (401, 403):
            said = "refuses the token" if self._token else "wants a token"
            raise Blocked(self._subject, f"{said} for {what}", next_step=_TOKEN)
        if status == 429 or status >= 500:
            raise Unreachable(self._subject, f"answered {status} when asked for {what}")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            problem = f"answered {status} and no GraphQL when asked for {what}"
            raise Blocked(self._subject, problem, next_step="Check the address, --registry")
        errors, data = answer.get("errors"), answer.get("data")
        if errors or status != 200:
            first = errors[0] if isinstance(errors, list) and errors else answer
            message = str(first.get("message") if isinstance(first, dict) else first)
            raise Blocked(self._subject, f"refuses {what}: {scrubbed(message, self._token.reveal())}")
        return data if isinstance(data, dict) else {}

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit_per_host=8),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._opened


def may_lead(asked: str, there: str) -> bool:
    """Whether a redirect may be followed, the token with it: to https:// on the same host, ports as they were."""
    first, second = urlsplit(asked), urlsplit(there)
    if second.scheme != "https" or second.username or first.hostname != second.hostname:
        return False
    return first.port == second.port if first.scheme == "https" else second.port in (None, 443)


def _host(address: str) -> str:
    """Host and port of a registry's address. Raises: Blocked."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    name = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not name or parts.username is not None:
        problem = f"is no address of a registry: {scrubbed(address)}"
        raise Blocked("--registry", problem, next_step="Write https://host/graphql; a token goes into TODOKE_ORB_TOKEN")
    if parts.scheme == "http" and not _is_here(name):
        problem = f"{scrubbed(address)} is not encrypted: what comes from there could be anybody's"
        raise Blocked("--registry", problem, next_step="Write https://")
    shown = f"[{name}]" if ":" in name else name
    return shown if port is None else f"{shown}:{port}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
