"""Logins of Azure and Google: a token of about an hour for an identity, and what it opens.

Sources: RFC 6749 (OAuth 2.0), RFC 7523 (assertions); Microsoft, "OAuth 2.0 client credentials flow" and "Authenticate
with Azure Container Registry"; Google, "Using OAuth 2.0 for Server to Server Applications".
"""

import asyncio
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec

from todoke.model.credentials import AzureLogin, GoogleLogin, SecretText
from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.json_web_token import BadKey, signed
from todoke.source.keyring import Login, basic_login
from todoke.source.smart_http import Answer, Door, SmartHttp
from todoke.source.urls import Location

_ENTRA = "https://login.microsoftonline.com"
_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798/.default"  # the id of Azure DevOps, the same in every tenant
_REGISTRY = "https://management.core.windows.net/.default"
_REGISTRY_USER = "00000000-0000-0000-0000-000000000000"
_GOOGLE_REGISTRY_USER = "oauth2accesstoken"
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_BY_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", "User-Agent": "todoke"}
_ROOM = 60.0  # seconds before its end at which a token is replaced
_USUAL_SECONDS = 3600.0
_LARGEST_ANSWER = 1024 * 1024
_CODE = re.compile(r"AADSTS\d+")
_WORD = re.compile(r"[a-z_]{1,60}")
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,255}")


class _Given(msgspec.Struct, frozen=True):
    access_token: str = ""
    refresh_token: str = ""
    expires_in: float | str = _USUAL_SECONDS


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""
    error_description: str = ""


class GoogleKey(msgspec.Struct, frozen=True):
    """The parts of a service account's key file that a login needs."""

    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address
    private_key_id: str = ""


class _Wish(msgspec.Struct, frozen=True):
    """One request for a token. Attributes: field: of the Secret, which is to blame when it is refused."""

    url: str
    form: Mapping[str, str]
    field: str


class CloudTokens:
    """Tokens by identity and purpose, asked for when they are needed, one request at a time."""

    def __init__(
        self,
        http: SmartHttp,
        authority: Callable[[str], str] = lambda _host: "",
        now: Callable[[], float] = time.time,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Args: authority: the certificates that a host is known by. now: seconds since 1970."""
        self._http, self._authority, self._now, self._environment = http, authority, now, environment
        self._tokens: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def login(self, location: Location, login: Login, proxy: str | None, registry: str = "") -> Login:
        """The login with a token.

        Args: proxy: through which the identity provider is asked. registry: the URL of an OCI registry; "" for Git.
        Raises: Blocked: the identity is incomplete, or refused. Unreachable: no answer.
        """
        name = sha256(b"\0".join((msgspec.json.encode(login.app), registry.encode()))).hexdigest()
        async with self._locks.setdefault(name, asyncio.Lock()):
            text, until = self._tokens.get(name, ("", -math.inf))
            if until - self._now() < _ROOM:
                text, until = self._tokens[name] = await _Asking(self, location, login, proxy).token(registry)
        opened = _opened(login, text, registry)
        return msgspec.structs.replace(login, header=opened.header, secrets=opened.secrets, expires=until - _ROOM)

    async def ask(self, location: Location, wish: _Wish, proxy: str | None) -> Answer:
        """The answer of an identity provider. Raises: Blocked: its address is none. Unreachable: no answer."""
        parts = urlsplit(wish.url)
        if parts.scheme != "https" or not parts.hostname:
            raise Blocked(location.subject, "a token is asked for over https:// only", field=wish.field)
        tls = Login(authority=self._authority(parts.netloc)).tls()
        door = Door(wish.url, Login(), tls, _HEADERS, proxy)
        return await self._http.ask(location, door, "POST", wish.url, urlencode(wish.form).encode(), _LARGEST_ANSWER)

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now()

    def variable(self, name: str) -> str:
        """A variable of the process."""
        return self._environment.get(name, "").strip()


class _Asking:
    """One identity that asks for one token."""

    def __init__(self, tokens: CloudTokens, location: Location, login: Login, proxy: str | None) -> None:
        self._tokens, self._location, self._login, self._proxy = tokens, location, login, proxy

    async def token(self, registry: str) -> tuple[str, float]:
        """A token, and when it ends in seconds since 1970."""
        app = self._login.app
        if isinstance(app, GoogleLogin):
            given = await self._given(self._google(app))
            return given.access_token, self._end(given)
        if not isinstance(app, AzureLogin):
            raise TypeError(f"{type(app).__name__} is no login of a cloud")
        wish = await self._azure(app, _REGISTRY if registry else _DEVOPS)
        given = await self._given(wish)
        if not registry:
            return given.access_token, self._end(given)
        host = urlsplit(registry).netloc
        form = {"grant_type": "access_token", "service": host, "access_token": given.access_token}
        exchanged = await self._given(_Wish(f"{registry.rstrip('/')}/oauth2/exchange", form, wish.field))
        return exchanged.refresh_token, self._end(given)

    def _end(self, given: _Given) -> float:
        try:
            return self._tokens.now() + float(given.expires_in)
        except ValueError:
            return self._tokens.now() + _USUAL_SECONDS

    def _google(self, app: GoogleLogin) -> _Wish:
        field, step = "gcpServiceAccountKey", "Put in the JSON file of the service account's key as it is"
        try:
            key = msgspec.json.decode(app.key.reveal(), type=GoogleKey)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise Blocked(self._login.origin, "is no key of a service account", field=field, next_step=step) from error
        began = int(self._tokens.now())
        claims = {"iss": key.client_email, "scope": _GOOGLE_SCOPE, "aud": key.token_uri}
        try:
            proof = signed(key.private_key, {**claims, "iat": began, "exp": began + 3600}, kid=key.private_key_id)
        except BadKey as error:
            raise Blocked(self._login.origin, f"private_key {error}", field=field, next_step=step) from error
        return _Wish(key.token_uri, {"grant_type": _BY_ASSERTION, "assertion": proof}, field)

    async def _azure(self, app: AzureLogin, scope: str) -> _Wish:
        prefix = "azureServicePrincipal"
        if app.workload:
            return await self._workload(app, scope)
        wanted = {"ClientId": app.client, "TenantId": app.tenant, "ClientSecret": app.secret.reveal()}
        missing = [f"{prefix}{name}" for name, text in wanted.items() if not text]
        if missing or not _TENANT.fullmatch(app.tenant):
            field = missing[0] if missing else f"{prefix}TenantId"
            raise Blocked(self._login.origin, "is missing or no id", field=field, next_step="Take it from Entra ID")
        form = {"grant_type": "client_credentials", "client_id": app.client, "client_secret": app.secret.reveal()}
        return _Wish(_entra(app.endpoint, app.tenant), {**form, "scope": scope}, f"{prefix}ClientSecret")

    async def _workload(self, app: AzureLogin, scope: str) -> _Wish:
        """By the token that Kubernetes puts into the Pod. Source: Microsoft, azure-workload-identity."""
        field = "useAzureWorkloadIdentity"
        client, tenant, path = (
            self._tokens.variable(name) for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")
        )
        if not (client and path and _TENANT.fullmatch(tenant)):
            problem = (
                "the Pod has no identity: AZURE_CLIENT_ID, AZURE_TENANT_ID or AZURE_FEDERATED_TOKEN_FILE is not set"
            )
            step = "Label the Pod azure.workload.identity/use and annotate its ServiceAccount with the client id"
            raise Blocked(self._login.origin, problem, field=field, next_step=step)
        try:
            assertion = (await asyncio.to_thread(Path(path).read_text)).strip()
        except (OSError, UnicodeError) as error:
            raise Blocked(self._login.origin, f"{path} cannot be read", field=field) from error
        form = {"grant_type": "client_credentials", "client_id": client, "client_assertion_type": _ASSERTION}
        endpoint = app.endpoint or self._tokens.variable("AZURE_AUTHORITY_HOST")
        return _Wish(_entra(endpoint, tenant), {**form, "client_assertion": assertion, "scope": scope}, field)

    async def _given(self, wish: _Wish) -> _Given:
        answer = await self._tokens.ask(self._location, wish, self._proxy)
        if answer.status != 200:
            raise self._refusal(wish, answer)
        try:
            given = msgspec.json.decode(answer.body, type=_Given)
        except (msgspec.MsgspecError, UnicodeError):
            given = _Given()
        text = given.access_token or given.refresh_token
        if not text or not text.isprintable():
            raise Unreachable(self._location.subject, f"{urlsplit(wish.url).netloc} gave no token")
        return given

    def _refusal(self, wish: _Wish, answer: Answer) -> DeliveryError:
        """The error for another status, with the codes of the answer: the rest may hold anything."""
        host = urlsplit(wish.url).netloc
        if answer.status not in (400, 401, 403):
            problem = f"{host} answered with HTTP status {answer.status} when asked for a token"
            return Unreachable(self._location.subject, problem)
        try:
            said = msgspec.json.decode(answer.body, type=_Refusal)
        except (msgspec.MsgspecError, UnicodeError):
            said = _Refusal()
        codes = [*_WORD.findall(said.error)[:1], *_CODE.findall(said.error_description)[:1]]
        told = f": {', '.join(codes)}" if codes else f" with HTTP status {answer.status}"
        step = "Renew it, or its rights there"
        return Blocked(self._login.origin, f"{host} refuses this identity{told}", field=wish.field, next_step=step)


def _entra(endpoint: str, tenant: str) -> str:
    return f"{(endpoint or _ENTRA).rstrip('/')}/{tenant}/oauth2/v2.0/token"


def _opened(login: Login, token: str, registry: str) -> Login:
    """The header that a token makes, and what must not be shown."""
    secret = SecretText(token)
    if isinstance(login.app, GoogleLogin):
        user = _GOOGLE_REGISTRY_USER if registry else _mail(login.app)
        return basic_login(user, secret, login.origin)
    if registry:
        return basic_login(_REGISTRY_USER, secret, login.origin)
    header = SecretText(f"Bearer {token}")
    return Login(header, secrets=(secret, header))


def _mail(app: GoogleLogin) -> str:
    return msgspec.json.decode(app.key.reveal(), type=GoogleKey).client_email
