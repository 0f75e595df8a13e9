"""The sandbox's Git server as the ordinary git client sees it: users, protected branches, the push hook."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from todoke_sandbox.git.protection import Update, refusals
from todoke_sandbox.git.server import GitServer
from todoke_sandbox.git.webhook import Webhook

USERS = {"ada": "p@ss/word: ä", "release-bot": "b", "reader": "r"}
SECRET = "shared"


@dataclass
class Clone:
    """One user's clone, and the git client with a home of its own."""

    folder: Path
    environment: dict[str, str]
    said: str = ""

    def git(self, *words: str, ok: bool | None = True) -> str:
        """What git printed. Args: ok: whether it has to succeed; None: either."""
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=30
        )
        self.said = done.stdout + done.stderr
        assert ok is None or (done.returncode == 0) is ok, self.said
        return self.said

    def commit(self, name: str, text: str = "text\n", message: str = "a change") -> str:
        """Commit one file; the commit."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        self.git("add", "--all")
        self.git("commit", "-m", message)
        return self.tip()

    def tip(self) -> str:
        return self.git("rev-parse", "HEAD").strip()


@dataclass
class Forge:
    """A server with one repository and who may do what."""

    server: GitServer
    home: Path
    log: list[str] = field(default_factory=list)

    def clone(self, user: str) -> Clone:
        """A clone by a user whose own configuration is as unhelpful as it can be."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        clone = Clone(self.home, environment)
        folder = self.home / f"of {user}"
        clone.git("clone", self.server.url("acme/shop.git", user), str(folder))
        return Clone(folder, environment)

    def refs(self) -> dict[str, str]:
        """Commit by branch, as it lies on the server."""
        command = ["git", "--git-dir", str(self.server.folder / "acme/shop.git"), "for-each-ref"]
        listing = subprocess.run(
            [*command, "--format=%(refname) %(objectname)"], capture_output=True, text=True, check=True
        )
        return {line.split()[0].removeprefix("refs/heads/"): line.split()[1] for line in listing.stdout.splitlines()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Home of the clients."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n name = Ada\n email = ada@example.org\n")
    return home


@pytest.fixture
def forge(tmp_path: Path, home: Path) -> Iterator[Forge]:
    protected = {"main": {"release-bot"}, "release/*": {"ada", "release-bot"}, "release/old": set()}
    with GitServer(tmp_path / "served", USERS, {"reader"}, protected=protected) as server:
        server.create("acme/shop.git")
        made = Forge(server, home)
        first = made.clone("release-bot")
        first.commit("web.yaml", message="first")
        first.git("push", "origin", "main")
        yield made


def wait(true: Callable[[], object], seconds: float = 10) -> None:
    """Until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def test_a_clone_has_what_was_pushed_and_a_wrong_login_gets_nothing(forge: Forge, home: Path) -> None:
    clone = forge.clone("reader")
    assert (clone.folder / "web.yaml").read_text() == "text\n"
    address = forge.server.url("acme/shop.git").removeprefix("http://")
    assert "could not read Username" in clone.git("ls-remote", f"http://{address}", ok=False)
    assert "Authentication failed" in clone.git("ls-remote", f"http://ada:wrong@{address}", ok=False)
    assert "Authentication failed" in clone.git("ls-remote", f"http://nobody:r@{address}", ok=False)
    clone.commit("b.yaml")
    assert "403" in clone.git("push", "origin", "main:mine", ok=False)
    assert set(forge.refs()) == {"main"}


def test_only_named_users_push_to_a_protected_branch(forge: Forge) -> None:
    ada, before = forge.clone("ada"), forge.refs()["main"]
    commit = ada.commit("a.yaml")
    said = ada.git("push", "origin", "main", ok=False)
    assert "! [remote rejected] main -> main (protected branch: only release-bot may push)" in said
    assert "remote: ada may not push to main. Push to another branch" in said
    assert forge.refs() == {"main": before}
    ada.git("push", "origin", "main:ada/change", "main:release/1", "HEAD:refs/tags/main")
    assert forge.refs()["release/1"] == forge.refs()["ada/change"] == forge.refs()["refs/tags/main"] == commit
    assert "nobody may push" in ada.git("push", "origin", "main:release/old", ok=False)
    assert "only release-bot" in ada.git("push", "origin", "main:Main", ok=False), "a file system may ignore case"


def test_nobody_forces_or_deletes_a_protected_branch(forge: Forge) -> None:
    bot, before = Clone(forge.home / "of release-bot", forge.clone("ada").environment), forge.refs()["main"]
    bot.git("commit", "--amend", "-m", "another history")
    said = bot.git("push", "--force", "origin", "main", ok=False)
    assert "! [remote rejected] main -> main (protected branch: it cannot be force-pushed)" in said
    assert "remote: The history of main stays." in said
    said = bot.git("push", "origin", ":main", ok=False)
    assert "! [remote rejected] main (protected branch: it cannot be deleted)" in said
    bot.git("push", "origin", "main:free")
    bot.git("commit", "--amend", "-m", "yet another")
    bot.git("push", "--force", "origin", "main:free")
    assert forge.refs() == {"main": before, "free": bot.tip()}
    bot.git("push", "origin", ":free")
    bot.git("reset", "--hard", "origin/main")
    commit = bot.commit("b.yaml")
    bot.git("push", "origin", "main")
    assert forge.refs() == {"main": commit}


def test_a_push_is_decided_ref_by_ref_and_an_atomic_one_as_a_whole(forge: Forge) -> None:
    ada, before = forge.clone("ada"), forge.refs()
    commit = ada.commit("a.yaml")
    said = ada.git("push", "--atomic", "origin", "main", "main:mine", ok=False)
    assert "main -> main (protected branch: only release-bot may push)" in said
    assert "main -> mine (atomic push: main was refused)" in said
    assert forge.refs() == before
    said = ada.git("push", "origin", "main", "main:mine", ok=False)
    assert "[new branch]      main -> mine" in said
    assert forge.refs() == {**before, "mine": commit}
    ada.git("push", "--atomic", "origin", "main:mine2", "main:release/2")
    assert forge.refs()["mine2"] == forge.refs()["release/2"] == commit


def test_rules_of_all_patterns_hold_and_every_other_ref_is_free() -> None:
    rules = {"*": {"ada", "bot"}, "main": {"bot"}}
    zero, one = "0" * 40, "1" * 40

    def refused(user: str, *refs: str, atomic: bool = False) -> dict[str, str]:
        updates = [Update(zero, one, ref) for ref in refs]
        found = refusals(updates, user, rules, lambda old, new: True, atomic=atomic)
        return {ref: refusal.reason for ref, refusal in found.items()}

    assert refused("bot", "refs/heads/main", "refs/heads/x/y") == {}
    assert list(refused("ada", "refs/heads/main", "refs/heads/x")) == ["refs/heads/main"]
    assert list(refused("", "refs/heads/x", "refs/tags/main", "refs/notes/x")) == ["refs/heads/x"]
    assert list(refused("ada", "refs/tags/1", "refs/heads/main", atomic=True)) == ["refs/tags/1", "refs/heads/main"]


def test_the_configuration_of_who_runs_the_server_does_not_matter(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a hook that refuses every push, hides all refs, and names another default branch."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    hook = theirs / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (theirs / ".gitconfig").write_text(
        f"[core]\n hooksPath = {theirs}\n[transfer]\n hideRefs = refs\n[init]\n defaultBranch = trunk\n"
    )
    for name, value in (("HOME", str(theirs)), ("XDG_CONFIG_HOME", str(theirs)), ("GIT_DIR", str(theirs))):
        monkeypatch.setenv(name, value)
    with GitServer(tmp_path / "served", {"ada": "a"}) as server:
        server.create("acme/shop.git")
        ada = Forge(server, home).clone("ada")
        ada.commit("a")
        ada.git("push", "origin", "main")
        assert ada.tip() in ada.git("ls-remote", "origin", "main")


@pytest.mark.parametrize("name", ["", "/etc/shop.git", "../shop.git", "a/../../b", ".hidden", "--bare"])
def test_a_repository_has_a_name_inside_the_folder(tmp_path: Path, name: str) -> None:
    server = GitServer(tmp_path / "served")
    with pytest.raises(ValueError, match="expected a name"):
        server.create(name)
    server._server.server_close()


@dataclass
class Listener:
    """Takes what the push hook sends."""

    status: list[int] = field(default_factory=list)  # of the next answers, then 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(listener.status.pop(0) if listener.status else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks?token=hidden"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.stop()


@pytest.fixture
def telling(tmp_path: Path, home: Path, listener: Listener) -> Iterator[Forge]:
    log: list[str] = []
    hook = Webhook(listener.url, SECRET, pauses=(0.01, 0.01))
    with GitServer(tmp_path / "served", USERS, hook=hook, log=log.append) as server:
        server.create("acme/shop.git")
        yield Forge(server, home, log)


def test_a_push_is_told_signed_and_as_a_forge_tells_it(telling: Forge, listener: Listener) -> None:
    ada = telling.clone("ada")
    first = ada.commit("shop/web.yaml", message="first\n\nwith a body")
    ada.commit("shop/spaced name ä.yaml", message="second")
    ada.git("push", "origin", "main")
    wait(lambda: listener.got)
    headers, body = listener.got[0]
    assert headers["X-GitHub-Event"] == "push"
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    told = json.loads(body)
    assert (told["ref"], told["before"], told["after"]) == ("refs/heads/main", "0" * 40, ada.tip())
    assert (told["created"], told["deleted"], told["forced"]) == (True, False, False)
    assert told["repository"]["clone_url"] == telling.server.url("acme/shop.git")
    assert told["repository"]["full_name"] == "acme/shop"
    assert told["pusher"] == {"name": "ada"}
    assert [(c["message"], c["added"]) for c in told["commits"]] == [
        ("first\n\nwith a body", ["shop/web.yaml"]),
        ("second", ["shop/spaced name ä.yaml"]),
    ]
    assert told["commits"][0]["id"] == first
    assert USERS["ada"] not in body.decode()


def test_what_a_later_push_changed_is_told_for_each_ref(telling: Forge, listener: Listener) -> None:
    ada = telling.clone("ada")
    ada.commit("a"), ada.commit("b")
    ada.git("push", "origin", "main")
    before = ada.tip()
    ada.git("mv", "a", "c")
    ada.commit("b", "changed\n")
    ada.git("push", "origin", "main", "main:other", "HEAD~1:refs/tags/v1")
    wait(lambda: len(listener.got) == 4)
    told = {body["ref"]: body for body in listener.bodies()[1:]}
    assert told["refs/heads/main"]["before"] == before
    (commit,) = told["refs/heads/main"]["commits"]
    assert (commit["added"], commit["removed"], commit["modified"]) == (["c"], ["a"], ["b"])
    assert [c["id"] for c in told["refs/heads/other"]["commits"]] == [ada.tip()], "new in this push, and not the rest"
    assert told["refs/tags/v1"]["commits"] == []
    ada.git("commit", "--amend", "-m", "other words")
    ada.git("push", "--force", "origin", "main", ":other")
    wait(lambda: len(listener.got) == 6)
    told = {body["ref"]: body for body in listener.bodies()[4:]}
    assert (told["refs/heads/main"]["forced"], told["refs/heads/other"]["deleted"]) == (True, True)


def test_a_refused_push_is_not_told(tmp_path: Path, home: Path, listener: Listener) -> None:
    hook = Webhook(listener.url, SECRET)
    with GitServer(tmp_path / "served", USERS, protected={"main": {"release-bot"}}, hook=hook) as server:
        server.create("acme/shop.git")
        ada = Forge(server, home).clone("ada")
        ada.commit("a")
        ada.git("push", "origin", "main", "main:mine", ok=False)
    assert [body["ref"] for body in listener.bodies()] == ["refs/heads/mine"], "the end waits for what is to be told"


def test_a_push_hook_is_tried_three_times_and_never_fails_the_push(telling: Forge, listener: Listener) -> None:
    ada = telling.clone("ada")
    listener.status = [500, 302]
    ada.commit("a")
    ada.git("push", "origin", "main")
    wait(lambda: len(listener.got) == 3)
    assert len({body for _, body in listener.got}) == 1
    assert telling.log == []
    listener.status = [500, 500, 503]
    ada.commit("b")
    ada.git("push", "origin", "main")
    wait(lambda: telling.log)
    address = listener.url.partition("?")[0]
    assert telling.log == [
        f"push hook of acme/shop refs/heads/main: {address}: HTTP status 503. The push itself is done."
    ]
    assert len(listener.got) == 6


def test_nobody_answers_the_push_hook(tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="expected http"):
        Webhook("file:///etc/passwd", SECRET)
    with GitServer(tmp_path / "served", hook=Webhook("http://127.0.0.1:9/x", SECRET, pauses=(0.01,))) as server:
        path = server.create("shop.git")
        clone = Clone(home, {"PATH": os.environ["PATH"], "HOME": str(home)})
        clone.git("clone", server.url("shop.git"), str(home / "clone"))
        clone.folder = home / "clone"
        commit = clone.commit("a")
        clone.git("push", "origin", "HEAD:main")
        assert (path / "refs/heads/main").read_text().strip() == commit
    assert "Connection refused. The push itself is done." in capfd.readouterr().err


def test_the_end_of_the_server_leaves_no_process_and_no_file(tmp_path: Path, home: Path) -> None:
    """A client that stays in the middle of its push is cut off."""
    with GitServer(tmp_path / "served", protected={"main": set()}) as server:
        server.create("shop.git")
        hooks = server._hooks
        assert hooks is not None
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(
                b"POST /shop.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                b"Content-Type: application/x-git-receive-pack-request\r\n\r\n0000"
            )
            wait(lambda: server._backends)
            (backend,) = server._backends
            server.stop()
            assert backend.wait(10) != 0
    assert not hooks.exists()
