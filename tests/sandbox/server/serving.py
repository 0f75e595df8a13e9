"""The API server alone, without controllers, in a thread of the test process: nobody writes but the test."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import uvloop

from tests.sandbox.contract.player import Answer, Server
from todoke_sandbox.registry import builtin
from todoke_sandbox.registry.resources import Registry
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.server import beginning, certificate
from todoke_sandbox.server.access.authorize import MASTERS
from todoke_sandbox.server.access.tokens import Tokens
from todoke_sandbox.server.server import Server as ApiServer
from todoke_sandbox.storage.store import Store, TableKey
from todoke_sandbox.verbs.api import Api

Json = dict[str, Any]

PATIENCE_SECONDS = 10.0


class Clock:
    """The cluster's time; tests move it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Logs:
    """Log lines: what the test puts in here, by container."""

    def __init__(self) -> None:
        self.lines: dict[str, list[tuple[datetime, str]]] = {}

    def __call__(self, pod: Any, container: str, now: datetime, previous: bool) -> Iterable[tuple[datetime, str]]:
        return list(self.lines.get(f"{container} before" if previous else container, ()))


class Serving:
    """A running API server. Attributes: api: for looking at the store. admin: the server as admin asks it."""

    def __init__(self) -> None:
        self.clock, self.logs = Clock(), Logs()
        schemas = Schemas.load()
        self.api = Api(Store(), Registry(schemas, builtin.resources(schemas)), self.clock)
        self.tokens = Tokens(self.api.store, self.clock)
        self._server = ApiServer(self.api, self.tokens, self.logs, self.clock)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-server")

    def __enter__(self) -> Self:
        self._thread.start()
        made = certificate.make(self.clock())
        self.port = self._run(self._server.start(made.trust))
        self.url = f"https://127.0.0.1:{self.port}"
        self.trust = ssl.create_default_context(cadata=made.authority)
        beginning.fill(self.api, self.port)
        self.admin = self.user("admin", [MASTERS])
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def user(self, name: str, groups: Sequence[str] = ()) -> Server:
        """The server as somebody else asks it."""
        return Server(self.url, self.tokens.issue(name, groups, name), self.trust)

    def namespace(self, name: str) -> str:
        """A new namespace that Pods can be made in."""
        assert self.admin.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
        account = {"metadata": {"name": "default"}}
        assert self.admin.ask("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account).status == 201
        return name

    def write(self, work: Callable[[], Any]) -> Any:
        """Do something to the store in the server's own thread, in one go."""

        async def run() -> Any:
            return work()

        return self._run(run())

    def listeners(self, table: TableKey) -> int:
        """How many watch a table."""
        return len(self.api.store.table(table)._listeners)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never came so"
            time.sleep(0.01)

    def stop_serving(self) -> None:
        """Stop the server as its process would."""
        self._run(self._server.stop())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def refusal(answer: Answer) -> tuple[int, str, str]:
    """Code, reason and message of a refusal."""
    body = answer.body
    assert body["kind"] == "Status", body
    assert body["status"] == "Failure", body
    return body["code"], body.get("reason", ""), body["message"]
