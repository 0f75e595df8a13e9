"""Kubeconfigs: whom we are, by them."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from todoke.cluster.connection import Bearer, Connection, load
from todoke.model.errors import Blocked


def kubeconfig(folder: Path, **user: Any) -> str:
    path = folder / "config"
    body = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "one", "user": user}],
    }
    path.write_text(yaml.safe_dump(body))
    return str(path)


@pytest.mark.parametrize("field", ["as", "auth-provider"])
def test_an_identity_that_we_cannot_take_is_refused(tmp_path: Path, field: str):
    """Passed over, `as` would let us act with more rights than the user wants."""
    with pytest.raises(Blocked, match=f"user.{field}: it is not supported"):
        load(kubeconfig(tmp_path, token="secret-word", **{field: {"name": "x"} if field != "as" else "viewer"}))


def plugin(folder: Path, script: str) -> Bearer:
    path = folder / "plugin"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Bearer(Connection("https://127.0.0.1:1", "one", exec_plugin={"command": str(path)}))


async def test_requests_that_come_at_once_share_one_run_of_the_plugin(tmp_path: Path):
    count = tmp_path / "count"
    answer = '{"status": {"token": "word"}}'
    bearer = plugin(tmp_path, f"echo x >> {count}; sleep 0.1; echo '{answer}'")
    headers = await asyncio.gather(*[bearer.header() for _ in range(8)])

    assert set(headers) == {"Bearer word"}
    assert count.read_text().count("x") == 1


async def test_a_plugin_that_gives_no_token_is_said(tmp_path: Path):
    bearer = plugin(tmp_path, """echo '{"status": {"clientCertificateData": "x"}}'""")
    with pytest.raises(Blocked, match="it gives no token"):
        await bearer.header()


async def test_a_plugin_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("todoke.cluster.connection._EXEC_TIMEOUT", 0.2)
    bearer = plugin(tmp_path, "exec sleep 30")
    with pytest.raises(Blocked, match="no answer in 0 s"):
        await bearer.header()
