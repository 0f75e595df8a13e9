"""`todoke repo`: repositories and their logins, on rooms in memory and on a real API server."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.cli.conftest import URL, WEB, Workshop
from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from todoke.cluster.client import KubeClient
from todoke.cluster.connection import load
from todoke.cluster.direct_applications import DirectApplications
from todoke.model.credentials import LABEL, SecretText
from todoke.model.errors import Blocked
from todoke.model.telemetry import Silent


def add(workshop: Workshop, *words: str, stdin: str = "") -> str:
    result = workshop.run("repo", "add", *words, typed=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_repository_comes_on_record_and_goes(workshop: Workshop, tmp_path: Path) -> None:
    workshop.push({"deploy/web.yaml": WEB})
    assert "No repository is on record" in workshop.run("repo", "list").stderr
    add(workshop, URL, "--username", "bot", "--password-stdin", stdin="geheim\n")
    (secret,) = workshop.applications.secrets
    assert (secret.username, secret.password.reveal()) == ("bot", "geheim")
    key = tmp_path / "key"
    key.write_text("KEY")
    add(workshop, "git@git.example.com:acme/x.git", "--ssh-private-key-path", str(key), "--no-test", "--project", "p")
    listed = workshop.run("repo", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == ["git@git.example.com:acme/x.git", URL]
    assert "password of bot" in listed[2]
    assert "ssh key" in listed[1]
    shown = workshop.run("repo", "list", "-o", "json").stdout
    assert "geheim" not in shown
    assert "KEY" not in shown
    assert json.loads(shown)[1]["login"] == "password of bot"
    add(workshop, URL, "--token-stdin", stdin="zeichen")
    assert len(workshop.applications.secrets) == 2, "a second login takes the place of the first"
    removed = workshop.run("repo", "rm", URL, "--yes")
    assert (removed.exit_code, len(workshop.applications.secrets)) == (0, 1)
    assert "is not on record" in workshop.run("repo", "rm", URL, "--yes").output


def test_a_repository_is_asked_before_it_is_kept(workshop: Workshop) -> None:
    workshop.push({"deploy/web.yaml": WEB})
    workshop.source.down.add(URL)
    result = workshop.run("repo", "add", URL, "--token-stdin", typed="zeichen")
    assert result.exit_code == 1
    assert workshop.applications.secrets == []
    assert "zeichen" not in result.output
    add(workshop, URL, "--no-test")
    result = workshop.run("repo", "test", URL)
    assert (result.exit_code, result.stdout) == (1, "")
    workshop.source.down.clear()
    assert "default branch at " in workshop.run("repo", "test", URL).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("https://me:geheim@git.example.com/a.git",), "the URL holds a password"),
        (("not a url",), "that is no URL"),
        ((URL, "--password-stdin", "--token-stdin"), "exclude each other"),
        ((URL, "--ssh-private-key-path", "/nowhere/key"), "/nowhere/key cannot be read"),
    ],
)
def test_mistakes_are_told_without_the_secret(workshop: Workshop, words: tuple[str, ...], said: str) -> None:
    result = workshop.run("repo", "add", *words, typed="geheim")
    assert result.exit_code in (1, 2)
    assert said in result.output
    assert "geheim" not in result.output


@pytest.mark.anywhere
async def test_secrets_on_a_cluster(plane: ControlPlane, namespace: str) -> None:
    async with (
        KubeClient(load(str(plane.kubeconfig_path)), Silent()) as client,
        ApiClient(plane.kubeconfig_path) as api,
    ):
        desk = DirectApplications(client, namespace)
        await desk.keep_secret("repo-x", {LABEL: "repository"}, {"url": SecretText(URL), "password": SecretText("a")})
        await desk.keep_secret("repo-x", {LABEL: "repository"}, {"url": SecretText(URL), "username": SecretText("b")})
        secret = await api.get(f"/api/v1/namespaces/{namespace}/secrets/repo-x")
        assert {field: base64.b64decode(text).decode() for field, text in secret["data"].items()} == {
            "url": URL,
            "username": "b",
        }
        (found,) = await desk.credentials()
        assert (found.url, found.username) == (URL, "b")
        await api.create(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "other"}})
        with pytest.raises(Blocked, match="holds something else"):
            await desk.keep_secret("other", {LABEL: "repository"}, {"url": SecretText(URL)})
        await desk.drop_secret("repo-x")
        await desk.drop_secret("repo-x")
        assert await desk.credentials() == []
