"""The same requests to the sandbox and to a real API server: status, headers and whole bodies are the same."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.sandbox.contract.player import Server
from tests.sandbox.server.comparing import told
from tests.sandbox.server.serving import Serving

pytestmark = pytest.mark.plane

PATIENCE_SECONDS = 5.0


@cases(Path(__file__).parent / "cases" / "contract")
def test_answers_like_the_real_server(case: dict[str, Any], serving: Serving, real: Server) -> None:
    """Each case is a list of requests, one after the other, in a namespace of its own."""
    name = f"srv-{secrets.token_hex(4)}"
    serving.namespace(name)
    assert real.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).status == 201
    try:
        mine_known, real_known = {"ns": name}, {"ns": name}
        for number, step in enumerate(case["steps"]):
            mine = told(serving.admin, step, mine_known)
            theirs = told(real, step, real_known)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while mine != theirs and step.get("wait") and time.monotonic() < deadline:
                time.sleep(0.05)  # the real server takes a moment to learn of new roles
                theirs = told(real, step, real_known)
            assert mine == theirs, f"step {number + 1}: {step}"
    finally:
        real.ask("DELETE", f"/api/v1/namespaces/{name}")
