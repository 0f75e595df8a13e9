"""Which credential opens which repository, and that none of them is ever shown or sent astray."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cluster.certificates import Certificates
from tests.cluster.git_repo import Repo
from tests.source.conftest import WatchedServer
from tests.source.reading import files
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec, shown_url
from todoke.model.telemetry import Silent
from todoke.source.keyring import Keyring
from todoke.source.repositories import GitSource
from todoke.source.urls import locate, scrubbed


def credential(
    url: str, user: str = "taro", use: CredentialUse = CredentialUse.REPOSITORY, project: str = ""
) -> Credential:
    return Credential(use, url, user, SecretText(f"{user}-pass"), project=project, origin=f"Secret/argocd/{user}")


TEMPLATE, WRITE = CredentialUse.TEMPLATE, CredentialUse.WRITE


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://git.corp/org/shop", "exact"),
        ("https://GIT.corp/Org/Shop.git/", "exact"),
        ("https://git.corp/org/other", "long"),
        ("https://git.corp/organic/other", "long"),
        ("https://git.corp/x", "short"),
        ("https://git.corp", "short"),
        ("https://git.corp.example.com/x", ""),
        ("https://git.corp:8443/x", ""),
        ("http://git.corp/org/shop", ""),
        ("https://user:word@elsewhere/x", "the repository's URL"),
    ],
)
def test_the_exact_url_then_the_longest_template(tmp_path: Path, url: str, expected: str) -> None:
    keyring = Keyring(tmp_path)
    keyring.replace(
        [
            credential("https://git.corp", "short", TEMPLATE),
            credential("https://git.corp/org", "long", TEMPLATE),
            credential("https://git.corp/org/shop.git", "exact"),
            credential("https://git.corp/org/shop", "writer", WRITE),
        ]
    )
    assert keyring.login(locate(url)).origin.removeprefix("Secret/argocd/") == expected


def test_reading_never_takes_a_login_for_writing_nor_the_reverse(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    keyring.replace([credential("https://a/x", "reader"), credential("https://b/x", "writer", WRITE)])
    assert not keyring.login(locate("https://a/x"), write=True).header
    assert not keyring.login(locate("https://b/x")).header
    assert keyring.login(locate("https://b/x"), write=True).header


def test_a_secret_without_a_login_takes_the_templates(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    bare = Credential(CredentialUse.REPOSITORY, "https://a/x", origin="Secret/argocd/bare", insecure=True)
    keyring.replace([bare])
    assert keyring.login(locate("https://a/x")).insecure
    keyring.replace([bare, credential("https://a", "template", TEMPLATE)])
    assert keyring.login(locate("https://a/x")).origin == "Secret/argocd/template"


def test_a_projects_credential_gives_way_to_one_for_all(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path)
    keyring.replace([credential("https://a/x", "all"), credential("https://a/x", "one", project="shop")])
    assert keyring.login(locate("https://a/x")).origin == "Secret/argocd/all"
    keyring.replace([credential("https://a", "all", TEMPLATE), credential("https://a", "one", TEMPLATE, "shop")])
    assert keyring.login(locate("https://a/x")).origin == "Secret/argocd/all"


def test_tokens_and_certificates(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "certificates")
    token = Credential(CredentialUse.REPOSITORY, "https://a/x", bearer_token=SecretText("t0ken"))
    pair = Credential(
        CredentialUse.REPOSITORY, "https://b/x", client_certificate=SecretText("CERT"), client_key=SecretText("KEY")
    )
    keyring.replace([token, pair])
    assert keyring.login(locate("https://a/x")).header.reveal() == "Bearer t0ken"
    file = Path(keyring.login(locate("https://b/x")).certificate)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("CERT\nKEY\n", 0o600)


async def test_a_certificate_that_is_none_is_blocked(source: GitSource) -> None:
    broken = Credential(
        CredentialUse.REPOSITORY,
        "https://localhost:1/x",
        client_certificate=SecretText("CERT"),
        client_key=SecretText("KEY"),
        origin="Secret/argocd/broken",
    )
    source.use_credentials([broken])
    with pytest.raises(Blocked, match="Secret/argocd/broken tlsClientCertData"):
        await source.refresh("https://localhost:1/x")


@pytest.mark.parametrize("how", ["credential", "url"])
async def test_a_login_opens_the_repository_for_asking_and_fetching(
    source: GitSource, repo: Repo, server: WatchedServer, how: str
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    server.users = {"taro": "taro-pass"}
    url = server.url("shop.git", "taro") if how == "url" else server.url("shop.git")
    if how == "credential":
        source.use_credentials([credential(server.url(), use=TEMPLATE)])
    assert await source.refresh(url)
    assert await files(source, url, sha, SourceSpec(url))


async def test_missing_and_wrong_logins_are_told_apart_and_a_new_one_is_used_at_once(
    source: GitSource, repo: Repo, server: WatchedServer, url: str
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    server.users = {"taro": "changed"}
    with pytest.raises(Blocked, match=r"no credential matches.*Add a Secret labelled.*repository") as caught:
        await source.refresh(url)
    assert "write" not in str(caught.value)
    source.use_credentials([credential(url)])
    with pytest.raises(Blocked, match="the login of Secret/argocd/taro") as caught:
        await source.refresh(url)
    assert "taro-pass" not in str(caught.value)
    server.users = {"taro": "taro-pass"}
    assert await source.refresh(url)


async def test_the_login_never_stands_among_the_arguments_of_git(
    source: GitSource, repo: Repo, server: WatchedServer, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    server.users = {"taro": "taro-pass"}
    log = tmp_path / "arguments"
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@" >>{log}\nPATH="${{PATH#*:}}" exec git "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    assert await source.refresh(server.url("shop.git", "taro"))
    encoded = base64.b64encode(b"taro:taro-pass").decode()
    assert "fetch" in log.read_text()
    assert "taro-pass" not in log.read_text()
    assert encoded not in log.read_text()


@pytest.fixture
def tls_url(tmp_path: Path, repo: Repo) -> Iterator[str]:
    """The URL of a server whose certificate nobody trusts."""
    made = Certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.serving, made.serving_key)
    with WatchedServer(repo.path.parent) as running:
        running._server.socket = context.wrap_socket(running._server.socket, server_side=True)
        yield running.url("shop.git").replace("http://", "https://")


async def test_a_certificate_that_is_not_trusted_is_blocked_unless_the_secret_says_insecure(
    source: GitSource, repo: Repo, tls_url: str, tmp_path: Path
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    with pytest.raises(Blocked, match="TLS certificate is not trusted"):
        await source.refresh(tls_url)
    trusting = Credential(
        CredentialUse.REPOSITORY,
        tls_url,
        client_certificate=SecretText((tmp_path / "server.crt").read_text()),
        client_key=SecretText((tmp_path / "server.key").read_text()),
        insecure=True,
    )
    source.use_credentials([trusting])
    assert await source.refresh(tls_url)
    assert await files(source, tls_url, sha, SourceSpec(tls_url))


class _Redirect(HTTPServer):
    """Sends everybody elsewhere, and remembers who showed a login."""

    target = ""

    def __init__(self) -> None:
        self.logins: list[str | None] = []
        super().__init__(("127.0.0.1", 0), _RedirectAnswer)


class _RedirectAnswer(BaseHTTPRequestHandler):
    server: _Redirect

    def do_GET(self) -> None:
        self.server.logins.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(301)
        self.send_header("Location", self.server.target + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def redirect(server: WatchedServer) -> Iterator[_Redirect]:
    with _Redirect() as running:
        running.target = server.url().rstrip("/")
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


async def test_a_redirect_is_followed_but_the_login_stays_at_home(
    source: GitSource, repo: Repo, server: WatchedServer, redirect: _Redirect
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    url = f"http://127.0.0.1:{redirect.server_port}/shop.git"
    source.use_credentials([credential(url)])
    assert await source.refresh(url)
    assert await files(source, url, sha, SourceSpec(url))
    assert all(redirect.logins)
    asked = len(redirect.logins)
    assert not await source.refresh(url)
    assert len(redirect.logins) == asked, "the new place is remembered"
    server.users = {"taro": "taro-pass"}
    with pytest.raises(Blocked, match="no credential matches"):
        await source.refresh(url)


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (404, Blocked, "there is no Git repository"),
        (403, Blocked, "wants a login"),
        (503, Unreachable, "status 503"),
        (429, Unreachable, "status 429"),
        (500, Unreachable, "status 500"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
async def test_what_an_http_status_means(
    source: GitSource,
    repo: Repo,
    server: WatchedServer,
    url: str,
    status: int,
    error: type[Exception],
    message: str,
    known: bool,
) -> None:
    repo.commit({"a.yaml": "a: 1"}, "one")
    if known:
        await source.refresh(url)
    server.fail_with = status
    with pytest.raises(error, match=message):
        await source.refresh(url)
    server.fail_with = None
    assert await source.refresh(url) is not known


async def test_a_url_without_a_repository(source: GitSource, server: WatchedServer, tmp_path: Path) -> None:
    with pytest.raises(Blocked, match="there is no Git repository"):
        await source.refresh(server.url("nothing.git"))
    with pytest.raises(Blocked, match="not a readable Git repository"):
        await source.refresh(str(tmp_path / "nothing"))


async def test_nobody_there_is_unreachable(source: GitSource) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="no answer"):
            await source.refresh(f"http://user:s3cret@127.0.0.1:{taken.getsockname()[1]}/x.git")


async def test_no_answer_in_time_is_unreachable(tmp_path: Path, repo: Repo, server: WatchedServer, url: str) -> None:
    hasty = GitSource(tmp_path / "mirrors", Silent(), fetch_timeout_seconds=0.2)
    server.hanging = True
    with pytest.raises(Unreachable, match="no answer: it took too long"):
        await hasty.refresh(url)
    await hasty.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ssh://git@-oProxyCommand=touch/x", "is not a valid URL"),
        ("ssh://-oProxyCommand=touch/x", "is not a valid URL"),
        ("ssh://git@host", "is not a valid URL"),
        ("ssh://git@host:port/x", "is not a valid URL"),
        ("-oProxyCommand=touch@host:x", "is not a"),
        ("git@-oProxyCommand:x", "is not a valid URL"),
        ("git@host:", "is not a valid URL"),
        ("ext::sh -c touch% /tmp/x", "is not a Git URL"),
        ("--upload-pack=touch", "is not a Git URL"),
        ("git://host/x", "is not a Git URL"),
        ("file://elsewhere/x", "is not a Git URL"),
        ("relative/path", "is not a Git URL"),
        ("https://[broken", "is not a valid URL"),
        ("https://host:port/x", "is not a valid URL"),
        ("", "is not a Git URL"),
    ],
)
async def test_urls_that_are_refused(source: GitSource, url: str, message: str) -> None:
    with pytest.raises(Blocked, match=message):
        await source.refresh(url)


def test_secrets_are_cut_out_of_what_is_shown() -> None:
    assert shown_url("https://user:word@host/x.git?token=abc") == "https://***@host/x.git?***"
    assert shown_url("https://user:w@rd@host/x@y a@b") == "https://***@host/x@y a@b"
    assert shown_url("https://host/x.git") == "https://host/x.git"
    text = scrubbed("fatal: 'https://u:p@host/x?private_token=q'\nsaid hunter2" + "x" * 999, "hunter2")
    assert text.startswith("fatal: 'https://***@host/x?***' said ***x")
    assert len(text) == 300
    assert repr(locate("https://user:word@host/x")).count("word") == 1, "only the field's own name"


async def test_what_we_keep_of_other_repositories_is_no_repository(
    source: GitSource, repo: Repo, tmp_path: Path
) -> None:
    """Its path can be guessed, and it may be private."""
    repo.commit({"a.yaml": "a: 1"}, "one")
    await source.refresh(repo.url)
    mirror = next(path for path in (tmp_path / "mirrors").iterdir() if (path / "objects").is_dir())
    (tmp_path / "link").symlink_to(mirror)
    for url in (str(mirror), f"file://{mirror}", str(tmp_path / "link"), f"{tmp_path}/x/../mirrors/{mirror.name}"):
        with pytest.raises(Blocked, match=r"a copy that todoke keeps|a step \. or \.\. in its path"):
            await source.refresh(url)
