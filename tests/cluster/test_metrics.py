"""The HTTP door of a running controller: alive while it waits for the lease, ready when it acts, metrics of both."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.account import Account
from tests.cluster.client import ApiClient
from tests.cluster.command import serving
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.program import Desk
from tests.cluster.stage import config_map, install_kinds
from tests.cluster.waiting import until

pytestmark = pytest.mark.anywhere


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def fetch(address: str, path: str) -> tuple[int, str]:
    """Status and text; status 0 while nobody listens."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"http://{address}{path}") as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectionError:
            return 0, ""


async def test_health_readiness_and_metrics_of_two_controllers(
    plane: ControlPlane, client: ApiClient, namespace: str, tmp_path: Path
):
    await install_kinds(client)
    account = Account(plane, client, namespace, tmp_path)
    place = {"namespace": namespace, "kubeconfig": await account.install()}
    repo, desk = Repo.create(tmp_path / "manifests.git"), Desk(client, namespace)
    sha = repo.commit({"shop/web.yaml": json.dumps(config_map(color="blue"))}, "blue")
    await desk.create(repo.url)
    addresses = [free_address(), free_address()]
    async with serving("--listen", addresses[0], folder=tmp_path / "one", **place) as first:
        await first.says("todoke acts on")
        assert await fetch(addresses[0], "/readyz") == (200, "ok\n")
        await desk.synced(sha)
        async with serving("--listen", addresses[1], folder=tmp_path / "two", **place) as second:
            await second.says("todoke waits")
            assert await fetch(addresses[1], "/healthz") == (200, "ok\n")
            assert (await fetch(addresses[1], "/readyz"))[0] == 503

        async def heard() -> dict[str, list[tuple[dict[str, str], float]]]:
            _, text = await fetch(addresses[0], "/metrics")
            found: dict[str, list[tuple[dict[str, str], float]]] = {}
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    found.setdefault(sample.name, []).append((sample.labels, sample.value))
            return found

        found = await until(heard, lambda found: found["argocd_app_info"][0][0]["health_status"] == "Healthy")
        ((labels, value),) = found["argocd_app_info"]
        assert value == 1
        assert (labels["name"], labels["namespace"], labels["sync_status"]) == ("shop", namespace, "Synced")
        assert (labels["repo"], labels["autosync_enabled"]) == (repo.url, "true")
        verbs = {labels["verb"] for labels, value in found["argocd_app_k8s_request_total"] if value}
        assert {"GET", "PATCH", "POST"} <= verbs
        assert any(labels.get("request_type") == "fetch" for labels, _ in found["argocd_git_request_total"])
        taken = addresses[0]
        async with serving("--listen", taken, folder=tmp_path / "three", **place) as third:
            assert await third.ended() == 1
            assert "address already in use. Choose another address" in third.lines[-1]
            assert "Traceback" not in "\n".join(third.lines)
    await account.remove()
