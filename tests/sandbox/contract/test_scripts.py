"""The same scripts of requests on the sandbox and on a real control plane: every answer must be the same."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.contract.player import Play, Server

FOLDER = Path(__file__).parent / "cases"
SCRIPTS = {
    f"{file.stem}: {name}": script
    for file in sorted(FOLDER.glob("*.yaml"))
    for name, script in yaml.safe_load(file.read_text()).items()
}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def play(server: Server, script: list[Any]) -> list[Any]:
    """The script in a namespace of its own; afterwards that goes, and so do the kinds of its group."""
    namespace = f"play{secrets.token_hex(4)}"
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    start = [
        {
            "GET": "/api/v1/namespaces/{ns}/serviceaccounts/default",
            "until": {"metadata.name": "default"},
            "show": [],
        }
    ]
    try:
        return Play(server, namespace).run(start + script)[1:]
    finally:
        server.ask("DELETE", f"/api/v1/namespaces/{namespace}")
        for definition in server.ask("GET", DEFINITIONS).body["items"]:
            if definition["spec"]["group"] == f"{namespace}.example":
                server.ask("DELETE", f"{DEFINITIONS}/{definition['metadata']['name']}")


@pytest.mark.plane
@pytest.mark.parametrize("name", SCRIPTS)
def test_same_answers(name: str, sandbox_server: Server, real_server: Server) -> None:
    script = SCRIPTS[name]
    mine, real = play(sandbox_server, script), play(real_server, script)
    for number, (step, ours, theirs) in enumerate(zip(script, mine, real, strict=True), 1):
        assert ours == theirs, f"step {number}: {step}"
