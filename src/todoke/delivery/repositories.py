"""Repositories and their logins as people manage them: Secrets in Argo CD's format, in the control namespace."""

import base64
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

import msgspec

from todoke.delivery.queries import Queries
from todoke.model.credentials import (
    LABEL,
    AzureLogin,
    Credential,
    CredentialUse,
    GitHubApp,
    GoogleLogin,
    SecretText,
    credential_of,
)
from todoke.model.errors import Blocked, Missing
from todoke.model.sources import Origin, SourceSpec, place_of, shown_url


class RepositoryWish(msgspec.Struct, frozen=True):
    """A repository to put on record.

    Attributes: data: fields of the Secret beside `url`, as Argo CD names them, such as `username` and `sshPrivateKey`.
    """

    url: str
    use: CredentialUse = CredentialUse.REPOSITORY
    data: Mapping[str, SecretText] = {}


class RepositoryRow(msgspec.Struct, frozen=True):
    """A repository on record, without its secrets."""

    url: str
    use: str
    kind: str
    login: str  # how one logs in, in a word or two
    project: str
    secret: str


class Reached(msgspec.Struct, frozen=True):
    """What a repository answered. Attributes: head: commit of its default branch. secret: whose login was used."""

    url: str
    head: str
    secret: str = ""


class RepositoryDesk:
    """What `todoke repo` asks for."""

    def __init__(self, queries: Queries) -> None:
        self._queries, self._desk = queries, queries.desk

    async def rows(self) -> list[RepositoryRow]:
        """All on record, by URL. Raises: Blocked: Secrets of the control namespace may not be read."""
        return sorted(map(_row, await self._known()), key=lambda row: (row.url, row.use))

    async def test(self, url: str) -> Reached:
        """Ask a repository for its default branch, with the login on record.

        Raises: Blocked, Unreachable: it refuses, or does not answer; says why.
        """
        known = await self._known()
        self._desk.source.use_credentials(known)
        self._desk.source.use_trusted(await self._desk.applications.trusted())
        await self._desk.source.refresh(Origin(url))
        head = await self._desk.source.latest(SourceSpec(url), "HEAD")
        return Reached(shown_url(url), head, next((row.secret for row in map(_row, _of(known, url))), ""))

    async def add(self, wish: RepositoryWish, *, test: bool) -> str:
        """Put a repository on record, after it answered to this login: the Secret's name.

        Raises: Blocked: the URL is none, bears a password, or the repository refuses the login.
        """
        _check(wish)
        if test and wish.use is CredentialUse.REPOSITORY and _kind(wish) == "git":
            encoded = {name: base64.b64encode(text.reveal().encode()).decode() for name, text in _data(wish).items()}
            login = credential_of(wish.use, encoded, "the new login")
            self._desk.source.use_credentials([login] if login is not None else [])
            self._desk.source.use_trusted(await self._desk.applications.trusted())
            await self._desk.source.refresh(Origin(wish.url))
        name = secret_name(wish)
        await self._desk.applications.keep_secret(name, {LABEL: wish.use.value}, _data(wish))
        return name

    async def remove(self, url: str) -> list[str]:
        """Take a repository off the record: names of the Secrets that went.

        Raises: Missing: there is none; names those that are near.
        """
        known = await self._known()
        found = [_row(credential) for credential in _of(known, url)]
        if not found:
            there = ", ".join(sorted({row.url for row in map(_row, known)})[:5]) or "none"
            raise Missing(f"repository {shown_url(url)}", "is not on record", next_step=f"There are: {there}")
        names = [row.secret.rpartition("/")[2] for row in found]
        for name in names:
            await self._desk.applications.drop_secret(name)
        return names

    async def _known(self) -> list[Credential]:
        return await self._desk.applications.credentials()


def secret_name(wish: RepositoryWish) -> str:
    """The name of the Secret of a repository; the same for the same URL and use."""
    digest = sha256(f"{place_of(wish.url)} {wish.url.partition(':')[0]}".encode()).hexdigest()[:10]
    return f"{wish.use.value.replace('repository', 'repo')}-{digest}"


def _check(wish: RepositoryWish) -> None:
    subject = f"repository {shown_url(wish.url)}"
    parts = urlsplit(wish.url) if "://" in wish.url else None
    if not wish.url.strip() or any(letter.isspace() for letter in wish.url):
        raise Blocked(subject, "that is no URL", next_step="Write it like https://git.example.com/acme/shop.git")
    if parts is not None and parts.password:
        raise Blocked(subject, "the URL holds a password", next_step="Give it by --password-stdin")


def _data(wish: RepositoryWish) -> dict[str, SecretText]:
    return {"url": SecretText(wish.url), **wish.data}


def _kind(wish: RepositoryWish) -> str:
    return wish.data["type"].reveal() if "type" in wish.data else "git"


def _of(known: list[Credential], url: str) -> list[Credential]:
    """The entries of one URL: exactly as written, else those that mean the same place."""
    exact = [credential for credential in known if credential.url == url]
    return exact or [credential for credential in known if place_of(credential.url) == place_of(url)]


def _row(credential: Credential) -> RepositoryRow:
    return RepositoryRow(
        url=shown_url(credential.url),
        use=credential.use.value,
        kind=credential.kind or "git",
        login=_login(credential),
        project=credential.project,
        secret=credential.origin,
    )


def _login(credential: Credential) -> str:
    ways: dict[str, object] = {
        "ssh key": credential.ssh_key,
        "token": credential.bearer_token,
        "password": credential.password,
        "client certificate": credential.client_certificate,
        "GitHub App": isinstance(credential.app, GitHubApp),
        "Azure": isinstance(credential.app, AzureLogin),
        "Google": isinstance(credential.app, GoogleLogin),
    }
    found = [name for name, text in ways.items() if text]
    if found == ["password"] and credential.username:
        return f"password of {credential.username}"
    return ", ".join(found) or "none"
