"""The sandbox's Git server with what faults need: it can hang, fail, forget protocol version 2, and it counts.

with GitServer(folder, users={"reader": "secret"}) as server:
    subprocess.run(["git", "clone", server.url("shop.git", "reader")])
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from email.message import Message
from pathlib import Path

from todoke_sandbox.git import server
from todoke_sandbox.git.server import Request


class GitServer(server.GitServer):
    """The server. Attributes may be changed while it runs.

    Attributes:
        requests: every request since the start; tests may clear it.
        fail_with: an HTTP status to answer everything with, for example 503.
        knows_version_2: whether it lets clients speak protocol version 2.
    """

    def __init__(self, folder: Path, users: Mapping[str, str] | None = None, read_only: Iterable[str] = ()) -> None:
        super().__init__(folder, users, read_only)
        self.requests: list[Request] = []
        self.fail_with: int | None = None
        self.knows_version_2 = True
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._stopping = False

    @property
    def hanging(self) -> bool:
        """Whether requests are kept waiting."""
        return not self._may_answer.is_set()

    @hanging.setter
    def hanging(self, value: bool) -> None:
        if value:
            self._may_answer.clear()
        else:
            self._may_answer.set()

    def count(self, service: str | None = None) -> int:
        """How many requests there were, of one service or of all."""
        return sum(1 for request in self.requests if service in (None, request.service))

    def stop(self) -> None:
        """Stop listening and let go of whoever hangs."""
        self._stopping = True
        self._may_answer.set()
        super().stop()

    def wait_until_allowed(self) -> bool:
        """Block while the server hangs; False when it was stopped meanwhile."""
        self._may_answer.wait()
        return not self._stopping

    def admit(self, request: Request) -> int | None:
        self.requests.append(request)
        if not self.wait_until_allowed():
            raise ConnectionAbortedError
        return self.fail_with

    def environment(self, method: str, target: str, headers: Message, user: str) -> dict[str, str]:
        variables = super().environment(method, target, headers, user)
        if not self.knows_version_2:
            variables.pop("GIT_PROTOCOL", None)
        return variables
