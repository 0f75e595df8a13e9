"""From a forge's event to the cluster, through the program's own door: the poll is an hour away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cluster.account import Account
from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.program import Desk, Program
from tests.cluster.stage import config_map, install_kinds
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere

SECRET = "correct horse"


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def post(address: str, body: Mapping[str, Any], secret: str) -> int:
    """An event as GitHub sends it; the status of the answer."""
    data = json.dumps(body).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest(),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{address}/api/webhook", data=data, headers=headers) as answer,
    ):
        return answer.status


def push_of(repo: Repo, sha: str) -> dict[str, Any]:
    return {"ref": "refs/heads/main", "after": sha, "repository": {"clone_url": repo.url, "default_branch": "main"}}


async def test_a_signed_push_is_delivered_at_once_and_moves_nobody_else(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    await install_kinds(client)
    account = Account(plane, client, namespace, tmp_path)
    kubeconfig, desk, address = await account.install(), Desk(client, namespace), free_address()
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    await client.create(secrets, secret("argocd-secret", "an older one"))
    repo, other = Repo.create(tmp_path / "shop.git"), Repo.create(tmp_path / "other.git")
    first = repo.commit({"shop/web.yaml": json.dumps(config_map(color="blue"))}, "blue")
    quiet = other.commit({"other/web.yaml": json.dumps(config_map("other", color="blue"))}, "blue")
    await desk.create(repo.url)
    await desk.create(other.url, "other")
    async with Program(tmp_path, namespace, kubeconfig, listen=address, poll_seconds=3600):
        await desk.synced(first)
        await desk.synced(quiet, "other")
        moved = other.commit({"other/web.yaml": json.dumps(config_map("other", color="green"))}, "green")
        second = repo.commit({"shop/web.yaml": json.dumps(config_map(color="green"))}, "green")

        assert await post(address, push_of(repo, second), SECRET) == 401
        assert await post(address, push_of(repo, second), "an older one") == 200
        await desk.synced(second)

        await client.create(secrets, secret("todoke-secret", SECRET))  # a second one, while both are in use
        third = repo.commit({"shop/web.yaml": json.dumps(config_map(color="red"))}, "red")
        await until(lambda: post(address, push_of(repo, third), SECRET), lambda status: status == 200)
        await desk.synced(third)
        assert (await desk.status("other"))["sync"]["revision"] == quiet

        assert await post(address, push_of(other, moved), SECRET) == 200
        await desk.synced(moved, "other")
    await account.remove()


def secret(name: str, text: str) -> dict[str, Any]:
    """A Secret with GitHub's webhook secret."""
    data = {"webhook.github.secret": base64.b64encode(text.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
