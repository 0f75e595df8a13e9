"""The program: what it writes, when it ends, what it says when it cannot start."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sandbox.contract.player import Server
from todoke_sandbox.sandbox import Sandbox

SOURCE = str(Path(__file__).resolve().parents[3] / "src")
PATIENCE_SECONDS = 20


@contextmanager
def running(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program and its first line; killed at the end if need be."""
    command = [sys.executable, "-m", "todoke_sandbox", *flags]
    environment = os.environ | {"PYTHONPATH": SOURCE}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def server(config: dict[str, Any]) -> Server:
    """Where a kubeconfig points."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return Server(cluster["server"], user["token"], ssl.create_default_context(cadata=authority))


def test_it_serves_and_ends_by_signal(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        path = tmp_path / f"kubeconfig-{number}"
        with running("--kubeconfig", str(path)) as (process, line):
            config = json.loads(path.read_text())
            assert config["clusters"][0]["cluster"]["server"] in line
            assert f"export KUBECONFIG={path}" in line
            assert path.stat().st_mode & 0o777 == 0o600
            assert server(config).ask("GET", "/api/v1/namespaces/default").status == 200
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""


def test_it_ends_with_its_input_and_its_watches(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    with running("--kubeconfig", str(path), "--until-eof") as (process, _):
        config = json.loads(path.read_text())
        watch = server(config)
        assert process.stdin is not None
        process.stdin.write("this is not the end\n")
        process.stdin.flush()
        assert watch.ask("GET", "/version").status == 200
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = tmp_path / "kubeconfig"
        with running("--kubeconfig", str(path), "--port", str(port)) as (process, line):
            assert process.wait(PATIENCE_SECONDS) == 1
            assert line == ""
            assert process.stderr is not None
            said = process.stderr.read()
            assert f"cannot listen on port {port} of 127.0.0.1" in said
            assert "Traceback" not in said
        assert not path.exists()


def test_a_kubeconfig_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with running("--kubeconfig", str(tmp_path / "no" / "kubeconfig")) as (process, _):
        assert process.wait(PATIENCE_SECONDS) == 1
        assert process.stderr is not None
        said = process.stderr.read()
        assert str(tmp_path / "no") in said
        assert "Traceback" not in said


async def test_every_cluster_has_its_own_tokens_and_authority() -> None:
    async with Sandbox() as one, Sandbox() as other:
        assert one.url != other.url
        assert one.ca != other.ca
        assert one.token() != other.token()
        assert one.token("bob") == one.token("bob") != one.token("bob", ["team"])
        assert json.loads(one.kubeconfig)["users"][0]["user"]["token"] == one.token()
