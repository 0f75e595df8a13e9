"""An embedded Kubernetes cluster: an API server on loopback with everything behind it, in this event loop.

async with Sandbox() as cluster:
    Path("kubeconfig").write_text(cluster.kubeconfig)
"""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from todoke_sandbox.controllers.logs import NoLogs, lines
from todoke_sandbox.controllers.loop import Controllers
from todoke_sandbox.controllers.pace import Pace
from todoke_sandbox.registry import builtin
from todoke_sandbox.registry.resources import Registry
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.server import beginning, certificate
from todoke_sandbox.server.access.authorize import MASTERS
from todoke_sandbox.server.access.tokens import Tokens
from todoke_sandbox.server.server import HOST, Server
from todoke_sandbox.storage.store import Store
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.refusals import Refusal

ADMIN: Final = "admin"


class Sandbox:
    """One cluster, in memory. Use it with ``async with``; everything in it is gone at the end.

    Attributes:
        url: `https://127.0.0.1:PORT`. ca: PEM of the authority that clients trust it by.
        api: the verbs, for who is in the same process.
    """

    def __init__(self, *, port: int = 0, pace: Pace | None = None, say: Callable[[str], None] | None = None) -> None:
        """Nothing listens yet.

        Args:
            port: 0 for a free one.
            pace: how fast Pods start and Jobs end.
            say: is told what went wrong inside, one line each; stderr when not given.
        """
        self._port, self._pace = port, pace or Pace()
        self._say = say or _to_stderr
        schemas = Schemas.load()
        self.api = Api(Store(), Registry(schemas, builtin.resources(schemas)), _now)
        self._tokens = Tokens(self.api.store, _now)
        self._server = Server(self.api, self._tokens, _log_lines, _now)
        self._controllers: asyncio.Task[None] | None = None
        self._issued: dict[tuple[str, tuple[str, ...]], str] = {}
        self.url = self.ca = ""

    async def start(self) -> None:
        """Listen, and set everything in motion. Raises: OSError: the port is taken."""
        made = certificate.make(_now())
        port = await self._server.start(made.trust, self._port)
        self.url, self.ca = f"https://{HOST}:{port}", made.authority
        beginning.fill(self.api, port)
        controllers = Controllers(self.api, self._pace, self._say, root_ca=self.ca, now=_now)
        self._controllers = asyncio.get_running_loop().create_task(controllers.run(), name="controllers")

    async def stop(self) -> None:
        """End everything; clients see their connections closed."""
        if self._controllers is not None:
            self._controllers.cancel()
            with suppress(asyncio.CancelledError):
                await self._controllers
        await self._server.stop()

    def token(self, user: str = ADMIN, groups: Iterable[str] = ()) -> str:
        """A bearer token for a user, good as long as the cluster; `admin` is in `system:masters`."""
        whose = (user, tuple(groups) or ((MASTERS,) if user == ADMIN else ()))
        if whose not in self._issued:
            self._issued[whose] = self._tokens.issue(*whose, uid=user)
        return self._issued[whose]

    @property
    def kubeconfig(self) -> str:
        """A kubeconfig of `admin`, as JSON, which is YAML."""
        return self.kubeconfig_of(ADMIN)

    def kubeconfig_of(self, user: str, groups: Iterable[str] = ()) -> str:
        """A kubeconfig of any user."""
        trusted = b64encode(self.ca.encode()).decode()
        name = "todoke-sandbox"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url, "certificate-authority-data": trusted}}],
            "users": [{"name": user, "user": {"token": self.token(user, groups)}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": "default"}}],
            "current-context": name,
        }
        return json.dumps(config, indent=2) + "\n"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _log_lines(pod: Mapping[str, Any], container: str, now: datetime, previous: bool) -> Iterable[tuple[datetime, str]]:
    try:
        return lines(pod, container, now, previous=previous)
    except NoLogs as error:
        raise Refusal.bad_request(str(error)) from error


def _now() -> datetime:
    return datetime.now(UTC)


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
