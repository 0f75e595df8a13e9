"""A thin HTTP client of one API server: bytes in, bytes out, refusals as our errors."""

import asyncio
import io
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp

from todoke.cluster.connection import Bearer, Connection, tls
from todoke.cluster.refusals import refusal
from todoke.model.errors import Unreachable
from todoke.model.telemetry import Telemetry

_BUSY = (429, 503)
_TRIES = 6
_CHUNK = 1 << 20


class KubeClient:
    """One connection pool. Use as an async context manager."""

    def __init__(
        self, connection: Connection, telemetry: Telemetry, *, timeout_seconds: float = 30.0, connections: int = 64
    ) -> None:
        self.connection = connection
        self._telemetry = telemetry
        self._bearer = Bearer(connection)
        self._timeout = timeout_seconds
        self._turns = asyncio.Semaphore(connections)  # for requests; a watch keeps a connection and takes no turn
        self._session: aiohttp.ClientSession | None = None
        self.fence: Callable[[], float] = lambda: math.inf
        """Asked before every write: for how many seconds a controller may write still, as it holds its lease."""

    async def __aenter__(self) -> Self:
        context = tls(self.connection) if self.connection.server.startswith("https") else False
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            headers={"User-Agent": "todoke", "Accept": "application/json"},
            read_bufsize=_CHUNK,
            auto_decompress=True,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        subject: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of a 2xx answer.

        A server that is overloaded (429, 503) is asked again a few times, as it says or with growing pauses.

        Raises:
            Unreachable: no answer, or still overloaded.
            Blocked, Missing, NotReady: the server refused; `subject` is named in the message.
        """
        status, _, answer = await self.exchange(method, path, subject=subject, body=body, headers=headers)
        if status >= 400:
            raise refusal(status, answer, subject)
        return answer

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        subject: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body, whatever the status; see `request` for what it does about overload."""
        status, answer = 0, b""
        answer_headers: Mapping[str, str] = {}
        for attempt in range(_TRIES):
            status, answer_headers, answer = await self._once(method, path, subject, body, headers)
            if status == 401 and attempt == 0:
                self._bearer.forget()
            elif status not in _BUSY:
                break
            else:
                await asyncio.sleep(_pause(answer_headers, attempt))
        return status, answer_headers, answer

    async def _once(
        self, method: str, path: str, subject: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        sent = dict(headers or ())
        if token := await self._bearer.header():
            sent["Authorization"] = token
        try:
            async with self._turns:
                self._telemetry.count("argocd_app_k8s_request_total", verb=method)
                timeout = aiohttp.ClientTimeout(total=self._seconds(method, path, subject))
                url, data = self.connection.server + path, _payload(body)
                async with self._open().request(
                    method, url, data=data, headers=sent, timeout=timeout, **self._route()
                ) as response:
                    content = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(
                subject, f"the API server at {self.connection.server} did not answer: {error or type(error).__name__}"
            ) from error
        if response.status < 300 and not response.content_type.endswith("json"):
            problem = f"{self.connection.server} answered {response.content_type}: it is no Kubernetes API"
            raise Unreachable(subject, problem)
        return response.status, response.headers, content

    def _seconds(self, method: str, path: str, subject: str) -> float:
        """How long a request that begins now may take. A late write must not meet those of our successor."""
        if method == "GET" or path.startswith("/apis/coordination.k8s.io/"):
            return self._timeout
        seconds = min(self._timeout, self.fence())
        if seconds <= 0:
            raise Unreachable(subject, "nothing is written: this process does not hold the lease now")
        return seconds

    async def stream(self, path: str, *, subject: str, seconds: float) -> AsyncIterator[bytes]:
        """Lines of a watch, until the server ends it; `seconds` is the longest silence that is borne."""
        sent = {}
        if token := await self._bearer.header():
            sent["Authorization"] = token
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout, sock_read=seconds)
        try:
            async with self._open().get(
                self.connection.server + path, headers=sent, timeout=timeout, **self._route()
            ) as response:
                if response.status >= 400:
                    raise refusal(response.status, await response.read(), subject)
                rest = b""
                async for chunk in response.content.iter_any():
                    lines = (rest + chunk if rest else chunk).split(b"\n")
                    rest = lines.pop()
                    for line in lines:
                        yield line
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(subject, f"the watch broke: {error or type(error).__name__}") from error

    def _route(self) -> dict[str, Any]:
        route: dict[str, Any] = {}
        if self.connection.proxy:
            route["proxy"] = self.connection.proxy
        if self.connection.server_name:
            route["server_hostname"] = self.connection.server_name
        return route

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("KubeClient is used outside its context")
        return self._session


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body in the form that aiohttp sends piece by piece; it warns of large bytes."""
    return io.BytesIO(body) if body is not None and len(body) > _CHUNK else body


def _pause(headers: Mapping[str, str], attempt: int) -> float:
    told = headers.get("Retry-After", "")
    least = float(told) if told.isdecimal() else 0.0
    return min(max(least, 0.1 * 2.0**attempt), 10.0) * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter, no secret
