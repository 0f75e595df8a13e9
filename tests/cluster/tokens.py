"""A desk that issues bearer tokens for any user while the API server runs.

The API server reads its static token file once, at its start; tests think of users later. So it asks
this desk (a token webhook, in a thread of the test process) about tokens it does not know.
"""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class TokenDesk:
    """Answers TokenReviews of the API server on a loopback port."""

    def __init__(self) -> None:
        self._users: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _review_handler(self._users))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="token-desk", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; tokens the API server has cached stay good for a while."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def issue(self, user: str, groups: tuple[str, ...]) -> str:
        """A token by which the API server knows this user from now on; the same one for equal arguments."""
        for token, known in self._users.items():
            if known == (user, groups):
                return token
        token = secrets.token_urlsafe(24)
        self._users[token] = (user, groups)
        return token

    def write_webhook_config(self, path: Path) -> None:
        """Write the file that tells the API server where this desk is."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "desk", "cluster": {"server": url}}],
            "users": [{"name": "apiserver", "user": {}}],
            "contexts": [{"name": "desk", "context": {"cluster": "desk", "user": "apiserver"}}],
            "current-context": "desk",
        }
        path.write_text(json.dumps(config))


def _review_handler(users: dict[str, tuple[str, tuple[str, ...]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status: dict[str, Any] = {"authenticated": False}
            if known := users.get(review["spec"]["token"]):
                user = {"username": known[0], "groups": list(known[1])}
                status = {"authenticated": True, "user": user}
            review = {"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status}
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the audit log of the API server tells more."""

    return Handler
