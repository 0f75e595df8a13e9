"""The API server: who asks, whether they may, and what answers.

Source: Kubernetes documentation, "Controlling Access to the Kubernetes API".
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Final

from todoke_sandbox.server import logs, parameters, rights
from todoke_sandbox.server.access.authorize import User
from todoke_sandbox.server.access.identity import authenticated, impersonated, impersonation_asked
from todoke_sandbox.server.access.tokens import Tokens
from todoke_sandbox.server.answers import fault, refused
from todoke_sandbox.server.connection import Answer, Connection, Request, Stream
from todoke_sandbox.server.facts import Facts
from todoke_sandbox.server.objects import Objects
from todoke_sandbox.server.paths import target
from todoke_sandbox.server.special import Special
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.refusals import Refusal

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 512


class Server:
    """One API server on a loopback port."""

    def __init__(self, api: Api, tokens: Tokens, source: logs.Source, now: Callable[[], datetime]) -> None:
        """Takes the verbs, the known tokens, where log lines come from, and the clock."""
        self._api, self._tokens = api, tokens
        self._objects = Objects(api, Special(api, tokens, source, now), now)
        self._facts = Facts(api.registry, HOST)
        self._connections: set[Connection] = set()
        self._listening: asyncio.Server | None = None

    async def start(self, trust: ssl.SSLContext, port: int = 0) -> int:
        """Listen from now on. Returns: the port. Raises: OSError: it is taken."""
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(
                lambda: Connection(self.respond, fault, self._connections), HOST, port, ssl=trust, backlog=_BACKLOG
            )
        except OSError as error:
            why = f"cannot listen on port {port} of {HOST}: {error.strerror}; choose another one, or 0 for a free one"
            raise OSError(why) from error
        found: int = self._listening.sockets[0].getsockname()[1]
        self._facts = Facts(self._api.registry, f"{HOST}:{found}")
        return found

    async def stop(self) -> None:
        """Listen no more, and end what still goes on."""
        if self._listening is not None:
            self._listening.close()
        await asyncio.gather(*(connection.close() for connection in tuple(self._connections)))

    def respond(self, request: Request) -> Answer | Stream:
        """The answer to one request, whatever it is."""
        try:
            return self._respond(request)
        except Refusal as refusal:
            return refused(refusal)

    def _respond(self, request: Request) -> Answer | Stream:
        path, _, query = request.target.partition("?")
        given = parameters.read(query)
        wanted = target(request.method, path, given)
        user = self._user(request)
        if not user.is_master:
            rights.check(user, wanted.asked(given), self._api.store)
        if request.too_large:
            message = "Request entity too large: limit is 3145728"
            raise Refusal(413, "RequestEntityTooLarge", message)
        if not wanted.is_resource:
            return self._facts.answer(request, wanted, given)
        if self._api.registry.find(wanted.group, wanted.version, wanted.plural) is None:
            return self._facts.nowhere(wanted)
        return self._objects.answer(request, wanted, given, user)

    def _user(self, request: Request) -> User:
        """Whoever the sender is, or wants to be and may."""
        sender = authenticated(request.headers, self._tokens)
        other = impersonated(request.headers)
        if other is None:
            return sender
        for asked in impersonation_asked(other):
            rights.check(sender, asked, self._api.store)
        return other
