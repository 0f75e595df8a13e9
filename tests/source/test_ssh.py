"""Git over SSH: keys, known hosts, pushes, and what a person reads when one of them is wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from tests.cluster.git_repo import Repo
from tests.source.reading import files
from tests.source.ssh_server import SshServer
from todoke.model.credentials import Credential, CredentialUse, SecretText, credential_of
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import RevertRequest, SourceSpec, shown_url
from todoke.model.telemetry import Silent
from todoke.source.keyring import Keyring
from todoke.source.known_hosts import known_hosts
from todoke.source.repositories import GitSource
from todoke.source.urls import comparable, locate

pytestmark = pytest.mark.slow

HOST = asyncssh.generate_private_key("ssh-ed25519")
KEYS = {
    "ed25519": asyncssh.generate_private_key("ssh-ed25519"),
    "ecdsa": asyncssh.generate_private_key("ecdsa-sha2-nistp256"),
    "rsa": asyncssh.generate_private_key("ssh-rsa", key_size=2048),
}
KEY = KEYS["ed25519"]


def credential(
    url: str, key: str | asyncssh.SSHKey = KEY, use: CredentialUse = CredentialUse.REPOSITORY, **more: str
) -> Credential:
    """The credential of a Secret as users write it."""
    text = key if isinstance(key, str) else key.export_private_key().decode()
    data = {"url": url, "sshPrivateKey": text} | more
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    found = credential_of(use, encoded, "Secret/argocd/key")
    assert found is not None
    return found


@pytest.fixture
async def ssh(repo: Repo) -> AsyncIterator[SshServer]:
    repo.commit({"a.yaml": "a: 1"}, "one")
    async with SshServer(repo.path.parent, HOST) as server:
        server.authorized = list(KEYS.values())
        yield server


@pytest.fixture
def url(ssh: SshServer) -> str:
    return ssh.url("shop.git")


@pytest.mark.parametrize(
    ("kind", "form"), [("ed25519", "openssh"), ("ecdsa", "openssh"), ("rsa", "openssh"), ("rsa", "pkcs1-pem")]
)
async def test_each_kind_of_key_opens_a_repository(
    source: GitSource, repo: Repo, ssh: SshServer, url: str, kind: str, form: str
) -> None:
    text = KEYS[kind].export_private_key(form).decode().strip().replace("\n", "\r\n")  # as browsers paste it
    source.use_credentials([credential(url, text)])
    source.use_known_hosts(ssh.known())
    assert await source.refresh(url)
    second = repo.commit({"a.yaml": "a: 2"}, "two")
    assert await source.refresh(url)
    assert not await source.refresh(url)
    assert await source.latest(url, "main") == second
    assert (await files(source, url, second, SourceSpec(url)))[0].data == b"a: 2"
    assert set(ssh.users) == {"git"}


async def test_a_template_opens_all_repositories_of_a_host(source: GitSource, ssh: SshServer, url: str) -> None:
    source.use_credentials([credential(url.rpartition("/")[0], use=CredentialUse.TEMPLATE)])
    source.use_known_hosts(ssh.known())
    assert await source.refresh(url)
    with pytest.raises(Blocked, match="there is no Git repository"):
        await source.refresh(ssh.url("nothing.git"))


async def test_a_key_for_writing_pushes_and_one_for_reading_does_not(
    source: GitSource, repo: Repo, ssh: SshServer, url: str
) -> None:
    bad = repo.commit({"a.yaml": "a: 2"}, "two")
    good = repo.sha("main~1")
    request = RevertRequest(url, "main", ".", bad, good, "shop", "taro", "")
    source.use_known_hosts(ssh.known())
    source.use_credentials([credential(url)])
    with pytest.raises(Blocked, match=r"needs a key to write to it.*repository-write.*sshPrivateKey"):
        await source.revert(request)
    source.use_credentials([credential(url), credential(url, KEYS["ecdsa"], CredentialUse.WRITE)])
    reverted = await source.revert(request)
    assert repo.tip() == reverted.sha
    assert repo.files() == {"a.yaml": "a: 1"}


async def test_a_host_that_nobody_vouches_for_is_not_spoken_to(source: GitSource, ssh: SshServer, url: str) -> None:
    source.use_credentials([credential(url)])
    with pytest.raises(
        Blocked, match=rf"host key of 127.0.0.1:{ssh.port} is not known.*ssh-keyscan -p {ssh.port}.*argocd-ssh-known"
    ):
        await source.refresh(url)
    source.use_known_hosts(ssh.known(KEY))
    with pytest.raises(Blocked, match=r"shows another host key.*replace the lines"):
        await source.refresh(url)
    assert not ssh.users, "no key was offered"
    source.use_known_hosts(ssh.known())
    assert await source.refresh(url)


@pytest.mark.parametrize("field", ["insecureIgnoreHostKey", "insecure"])
async def test_a_secret_can_say_that_host_keys_do_not_matter(
    source: GitSource, ssh: SshServer, url: str, field: str
) -> None:
    source.use_credentials([credential(url, **{field: "true"})])
    assert await source.refresh(url)


async def test_a_secret_without_a_key_names_what_is_missing(source: GitSource, ssh: SshServer, url: str) -> None:
    with pytest.raises(Blocked, match=r"no credential with one matches.*secret-type: repository.*sshPrivateKey"):
        await source.refresh(url)
    login = Credential(CredentialUse.REPOSITORY, url, "taro", SecretText("pass"), origin="Secret/argocd/login")
    source.use_credentials([login])
    with pytest.raises(Blocked, match="no credential with one matches"):
        await source.refresh(url)


async def test_a_key_that_the_server_does_not_know(source: GitSource, ssh: SshServer, url: str) -> None:
    ssh.authorized = []
    source.use_known_hosts(ssh.known())
    source.use_credentials([credential(url)])
    with pytest.raises(Blocked, match=r"does not let the key of Secret/argocd/key read it.*Add its public key"):
        await source.refresh(url)


@pytest.fixture(params=["RFC4716", "PEM", "PKCS8"])
def locked_key(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    file = tmp_path / "key"
    kind = ["-t", "rsa", "-b", "1024", "-m", request.param]
    subprocess.run(["ssh-keygen", "-q", *kind, "-N", "a word", "-f", file], check=True)
    return file.read_text()


async def test_a_key_with_a_passphrase_is_refused(source: GitSource, url: str, locked_key: str) -> None:
    source.use_credentials([credential(url, locked_key)])
    with pytest.raises(Blocked, match=r"Secret/argocd/key sshPrivateKey: the key has a passphrase.*ssh-keygen"):
        await source.refresh(url)


@pytest.mark.parametrize(
    "text", ["ssh-ed25519 AAAA", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"]
)
async def test_what_is_no_key_is_refused(source: GitSource, ssh: SshServer, url: str, text: str) -> None:
    source.use_known_hosts(ssh.known())
    source.use_credentials([credential(url, text)])
    with pytest.raises(
        Blocked, match=r"Secret/argocd/key sshPrivateKey: (is not a private key|ssh cannot read the key)"
    ):
        await source.refresh(url)


async def test_a_key_is_private_and_goes_with_its_credential(
    source: GitSource, ssh: SshServer, url: str, tmp_path: Path
) -> None:
    source.use_known_hosts(ssh.known())
    source.use_credentials([credential(url)])
    await source.refresh(url)
    (kept,) = (tmp_path / "mirrors").rglob("*.key")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    source.use_credentials([])
    assert not kept.exists()
    source.use_credentials([credential(url)])
    await source.refresh(url)
    await source.close()
    assert not kept.exists()


async def test_without_ssh_the_program_is_named(
    source: GitSource, ssh: SshServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    git = next(Path(folder) / "git" for folder in os.get_exec_path() if (Path(folder) / "git").exists())
    (programs / "git").symlink_to(git)
    source.use_credentials([credential(url)])
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(Blocked, match="Program ssh: is not installed"):
        await source.refresh(url)


async def test_nobody_there(source: GitSource) -> None:
    async with SshServer(Path("/"), HOST) as server:
        url = server.url("x.git")
    source.use_credentials([credential(url)])
    with pytest.raises(Unreachable, match="Connection refused"):
        await source.refresh(url)


async def test_a_server_that_is_silent_holds_nobody_and_leaves_no_process(tmp_path: Path) -> None:
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"ssh://git@127.0.0.1:{server.sockets[0].getsockname()[1]}/x.git"
        hasty = GitSource(tmp_path / "mirrors", Silent(), fetch_timeout_seconds=0.3)
        hasty.use_credentials([credential(url)])
        with pytest.raises(Unreachable, match="git took longer than"):
            await hasty.refresh(url)
        await hung_up.wait()
        await hasty.close()


def test_the_forms_of_a_url_are_one_place(tmp_path: Path) -> None:
    forms = ("git@git.corp:Org/shop.git", "ssh://git@git.corp/org/shop", "ssh://git@git.corp/org/shop.git/")
    assert {comparable(form) for form in forms} == {"ssh://git@git.corp/org/shop"}
    keyring = Keyring(tmp_path)
    keyring.replace([credential("git@git.corp:org", use=CredentialUse.TEMPLATE)])
    assert all(keyring.login(locate(form)).ssh_command for form in forms)
    assert not keyring.login(locate("git@git.corp.example.com:org/shop")).ssh_command
    assert not keyring.login(locate("https://git.corp/org/shop")).origin
    keyring.replace([credential("git@git.corp", use=CredentialUse.TEMPLATE)])
    assert keyring.login(locate(forms[0])).ssh_command
    assert not keyring.login(locate("git@git.corp.example.com:org/shop")).ssh_command


def test_a_folder_with_odd_letters_in_its_name(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "a b%h'c")
    keyring.replace([credential("git@git.corp:org/shop")])
    command = keyring.login(locate("git@git.corp:org/shop")).ssh_command
    assert """a b%%h'"'"'c/""" in command


def test_urls_are_shown_with_their_user_and_without_a_password() -> None:
    assert shown_url("ssh://git@host/x") == "ssh://git@host/x"
    assert shown_url("ssh://git:word@host/x") == "ssh://***@host/x"
    assert locate("ssh://git:word@host:22/x").url == "ssh://git@host:22/x"


def test_known_hosts_replace_the_keys_that_come_with_todoke() -> None:
    assert "github.com ssh-ed25519" in known_hosts("")
    mine = known_hosts("# mine\ngithub.com ssh-rsa AAAA\n")
    assert mine.startswith("github.com ssh-rsa AAAA\n")
    assert "github.com ssh-ed25519" not in mine
    assert "gitlab.com ssh-ed25519" in mine
    digest = hmac.digest(b"salt", b"github.com", hashlib.sha1)
    hashed = f"|1|{base64.b64encode(b'salt').decode()}|{base64.b64encode(digest).decode()} ssh-rsa AAAA"
    assert "github.com ssh-ed25519" not in known_hosts(f"@revoked {hashed}")
    assert "gitlab.com ssh-ed25519" in known_hosts(f"{hashed}\n|1|nothing\n")
