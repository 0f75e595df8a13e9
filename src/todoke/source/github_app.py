"""Logins of GitHub Apps: a token of an hour for an installation. Source: GitHub, "Authenticating as a GitHub App"."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

import msgspec

from todoke.model.credentials import GitHubApp, SecretText
from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.json_web_token import BadKey, signed
from todoke.source.keyring import Login, basic_login
from todoke.source.smart_http import Door, SmartHttp
from todoke.source.urls import Location

T = TypeVar("T")

API = "https://api.github.com"
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "Content-Type": "application/json",
    "User-Agent": "todoke",
    "X-GitHub-Api-Version": "2022-11-28",
}
_ROOM = 60.0  # seconds before its end at which a token is replaced
_SKEW, _JWT_SECONDS = 60, 480  # their clock may be behind; longer than ten minutes is refused
_LARGEST_ANSWER = 1024 * 1024


class Token(msgspec.Struct, frozen=True):
    token: str
    expires_at: datetime


class Installation(msgspec.Struct, frozen=True):
    id: int


class AppTokens:
    """Tokens by app and installation, asked for when they are needed and kept until a minute before their end."""

    def __init__(self, http: SmartHttp, now: Callable[[], float] = time.time) -> None:
        self._http, self._now = http, now
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def login(self, location: Location, login: Login, app: GitHubApp, door: Door) -> Login:
        """The login with an app's token; `door` says how GitHub is asked, but not where.

        Raises: Blocked: the app, its key or its installation is wrong. Unreachable: no answer.
        """
        owner = location.url.partition("://")[2].partition("/")[2]
        parts = (app.base_url, app.app, app.installation or owner, app.key.reveal())
        name = sha256("\0".join(parts).encode()).hexdigest()
        async with self._locks.setdefault(name, asyncio.Lock()):
            token = self._tokens.get(name)
            if token is None or token.expires_at.timestamp() - self._now() < _ROOM:
                token = self._tokens[name] = await self._asked(location, app, owner, door)
        opened = basic_login("x-access-token", SecretText(token.token), login.origin)
        return msgspec.structs.replace(
            login,
            header=opened.header,
            secrets=(*opened.secrets, app.key),
            expires=token.expires_at.timestamp() - _ROOM,
        )

    async def _asked(self, location: Location, app: GitHubApp, repository: str, door: Door) -> Token:
        proof = {**_HEADERS, "Authorization": f"Bearer {_proof(app, door.login.origin, self._now())}"}
        asking = msgspec.structs.replace(door, headers=proof)
        base = (app.base_url or API).rstrip("/")
        number = app.installation
        if not number:
            place = "/".join(repository.removesuffix(".git").split("/")[:2])
            body = await self._answer(location, asking, "GET", f"{base}/repos/{place}/installation")
            number = str(_decoded(location, body, Installation).id)
        body = await self._answer(location, asking, "POST", f"{base}/app/installations/{number}/access_tokens")
        return _decoded(location, body, Token)

    async def _answer(self, location: Location, door: Door, method: str, url: str) -> bytes:
        answer = await self._http.ask(location, door, method, url, b"" if method == "POST" else None, _LARGEST_ANSWER)
        if answer.status in (200, 201):
            return answer.body
        raise _refusal(location, door.login.origin, answer.status)


def _refusal(location: Location, origin: str, status: int) -> DeliveryError:
    if status == 401:
        step = "Compare it, and githubAppPrivateKey, with the app's settings"
        return Blocked(origin, "GitHub does not know the app by this key", field="githubAppID", next_step=step)
    if status in (403, 404):
        step = "Install the app for this repository, or correct the id"
        return Blocked(origin, "GitHub knows no such installation", field="githubAppInstallationID", next_step=step)
    return Unreachable(location.subject, f"GitHub answered with HTTP status {status} when asked for a token")


def _decoded(location: Location, body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Unreachable(location.subject, "GitHub's answer to the app is not one") from error


def _proof(app: GitHubApp, origin: str, now: float) -> str:
    """A JSON Web Token signed with the app's key. Raises: Blocked: the key is none."""
    claims = {"iat": int(now) - _SKEW, "exp": int(now) + _JWT_SECONDS, "iss": app.app}
    try:
        return signed(app.key.reveal(), claims)
    except BadKey as error:
        step = "Give it the whole PEM file, as GitHub gave it"
        raise Blocked(origin, str(error), field="githubAppPrivateKey", next_step=step) from error
