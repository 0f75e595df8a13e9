"""Logins of Azure and Google, with a token server on this machine that checks what it is asked."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.cluster.certificates import Certificates
from tests.cluster.git_repo import Repo
from tests.source.charts.conftest import matching
from tests.source.charts.servers import RegistryServer, Request, Server
from tests.source.conftest import WatchedServer
from tests.source.reading import files
from tests.source.test_apps_and_proxies import KEY, credential, pem
from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import SourceSpec
from todoke.model.telemetry import Silent
from todoke.source.cloud_logins import CloudTokens
from todoke.source.keyring import Keyring, Login
from todoke.source.repositories import GitSource
from todoke.source.smart_http import SmartHttp
from todoke.source.sources import Sources
from todoke.source.urls import locate

NOW = 1_790_000_000.0
GIT = "https://dev.example/acme/shop.git"
MAIL = "reader@acme.iam.gserviceaccount.com"
PRINCIPAL = {
    "azureServicePrincipalClientId": "client-1",
    "azureServicePrincipalClientSecret": "very-secret",
    "azureServicePrincipalTenantId": "tenant-1",
}


class Forms(Server):
    """A server that reads the forms that it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            form = parse_qs(await request.text(), strict_parsing=True)
            self.forms.append((request.path, {name: text for name, (text,) in form.items()}))
        return await super()._answer(request)


class TokenServer(Forms):
    """Entra ID and Google in one."""

    def __init__(self) -> None:
        super().__init__()
        self.status, self.seconds = 200, 3600
        self.refusal: dict[str, str] = {}

    def answer(self, request: web.Request, told: Request) -> web.Response:
        if self.status != 200:
            return web.json_response(self.refusal, status=self.status)
        return web.json_response({"access_token": f"token-{len(self.forms)}", "expires_in": self.seconds})


@pytest.fixture
async def entra(context: ssl.SSLContext) -> AsyncIterator[TokenServer]:
    server = TokenServer()
    await server.start("localhost", context)
    yield server
    await server.stop()


class Identities:
    """The logins of Secrets, at a time that a test sets."""

    def __init__(self, tmp_path: Path, authority: str) -> None:
        self.now, self.environment = NOW, dict[str, str]()
        self.http = SmartHttp(10)
        self.tokens = CloudTokens(self.http, lambda _host: authority, lambda: self.now, self.environment)
        self.keyring = Keyring(tmp_path / "keyring")

    async def login(self, registry: str = "", **fields: str) -> Login:
        self.keyring.replace([credential(GIT, **fields)])
        location = locate(GIT)
        return await self.tokens.login(location, self.keyring.login(location), None, registry)


@pytest.fixture
async def identities(tmp_path: Path, made: Certificates) -> AsyncIterator[Identities]:
    found = Identities(tmp_path, str(made.ca))
    yield found
    await found.http.close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def google_key(server: TokenServer, **changes: str) -> str:
    parts = {"type": "service_account", "client_email": MAIL, "private_key": pem(KEY), "private_key_id": "k1"}
    return json.dumps(parts | {"token_uri": f"{server.url}/token"} | changes)


async def test_a_service_principal(identities: Identities, entra: TokenServer) -> None:
    login = await identities.login(azureActiveDirectoryEndpoint=f"{entra.url}/", **PRINCIPAL)
    assert login.header.reveal() == "Bearer token-1"
    assert entra.forms == [
        (
            "/tenant-1/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "client_id": "client-1",
                "client_secret": "very-secret",
                "scope": "499b84ac-1321-427f-aa17-267ca6975798/.default",
            },
        )
    ]
    assert "very-secret" not in repr(login)
    assert "token-1" not in repr(login)


async def test_a_token_is_kept_until_shortly_before_its_end(identities: Identities, entra: TokenServer) -> None:
    fields = PRINCIPAL | {"azureActiveDirectoryEndpoint": entra.url}
    logins = await asyncio.gather(*(identities.login(**fields) for _ in range(5)))
    assert {login.header.reveal() for login in logins} == {"Bearer token-1"}
    assert logins[0].expires == NOW + 3540
    identities.now = NOW + 3530
    assert (await identities.login(**fields)).header.reveal() == "Bearer token-1"
    identities.now = NOW + 3541
    assert (await identities.login(**fields)).header.reveal() == "Bearer token-2"
    fields["azureServicePrincipalClientSecret"] = "renewed"
    assert (await identities.login(**fields)).header.reveal() == "Bearer token-3"


async def test_the_identity_of_a_pod(identities: Identities, entra: TokenServer, tmp_path: Path) -> None:
    with pytest.raises(Blocked, match="Secret/argocd/app useAzureWorkloadIdentity: the Pod has no identity"):
        await identities.login(useAzureWorkloadIdentity="true")
    (tmp_path / "token").write_text("given-by-kubernetes\n")
    identities.environment |= {
        "AZURE_CLIENT_ID": "client-2",
        "AZURE_TENANT_ID": "tenant-2",
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        "AZURE_AUTHORITY_HOST": entra.url,
    }
    login = await identities.login(useAzureWorkloadIdentity="true")
    assert login.header.reveal() == "Bearer token-1"
    assert entra.forms == [
        (
            "/tenant-2/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "client_id": "client-2",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": "given-by-kubernetes",
                "scope": "499b84ac-1321-427f-aa17-267ca6975798/.default",
            },
        )
    ]


async def test_a_google_service_account(identities: Identities, entra: TokenServer) -> None:
    login = await identities.login(gcpServiceAccountKey=google_key(entra))
    assert login.header.reveal() == basic(MAIL, "token-1")
    ((path, form),) = entra.forms
    assert (path, form["grant_type"]) == ("/token", "urn:ietf:params:oauth:grant-type:jwt-bearer")
    head, claims, signature = form["assertion"].split(".")
    KEY.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert json.loads(decoded(claims)) == {
        "iss": MAIL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": f"{entra.url}/token",
        "iat": int(NOW),
        "exp": int(NOW) + 3600,
    }
    registry = await identities.login("https://europe-docker.pkg.dev", gcpServiceAccountKey=google_key(entra))
    assert registry.header.reveal() == basic("oauth2accesstoken", "token-2")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gcpServiceAccountKey": "{}"}, "gcpServiceAccountKey: is no key of a service account"),
        ({"gcpServiceAccountKey": '{"client_email": "a", "private_key": "very-secret"}'},
         "gcpServiceAccountKey: private_key is not a private key"),
        ({**PRINCIPAL, "azureServicePrincipalClientId": ""}, "azureServicePrincipalClientId: is missing"),
        ({**PRINCIPAL, "azureServicePrincipalTenantId": "../x"}, "azureServicePrincipalTenantId: is missing or no id"),
        ({**PRINCIPAL, "azureActiveDirectoryEndpoint": "http://login.example"}, "over https:// only"),
    ],
)  # fmt: skip
async def test_incomplete_identities_are_named(identities: Identities, fields: dict[str, str], words: str) -> None:
    with pytest.raises(Blocked, match=words) as raised:
        await identities.login(**fields)
    assert "very-secret" not in str(raised.value)


async def test_what_the_provider_refuses_is_told_without_a_secret(identities: Identities, entra: TokenServer) -> None:
    fields = PRINCIPAL | {"azureActiveDirectoryEndpoint": entra.url}
    entra.status = 401
    entra.refusal = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret very-secret"}
    with pytest.raises(Blocked) as raised:
        await identities.login(**fields)
    said = str(raised.value)
    assert "Secret/argocd/app azureServicePrincipalClientSecret" in said
    assert "invalid_client, AADSTS7000215" in said
    assert "very-secret" not in said
    entra.status = 503
    with pytest.raises(Unreachable, match="HTTP status 503 when asked for a token"):
        await identities.login(**fields)
    entra.status, entra.refusal = 200, {}
    assert (await identities.login(**fields)).header  # an error is not kept


async def test_git_is_read_with_a_token(
    source: GitSource, repo: Repo, server: WatchedServer, entra: TokenServer, made: Certificates
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    url = server.url("shop.git")
    server.users = {MAIL: "token-1"}
    source.use_certificates({"localhost": made.ca.read_text()})
    source.use_credentials([credential(url, gcpServiceAccountKey=google_key(entra))])
    assert await source.refresh(url)
    assert not await source.refresh(url)
    assert await files(source, url, sha, SourceSpec(url))
    assert len(entra.forms) == 1


class BearerServer(WatchedServer):
    """A Git server that takes one token."""

    def user_of(self, authorization: str) -> str | None:
        return "reader" if authorization == "Bearer token-1" else None


async def test_azure_devops_is_read_with_a_token(
    source: GitSource, repo: Repo, entra: TokenServer, made: Certificates
) -> None:
    sha = repo.commit({"a.yaml": "a: 1"}, "one")
    with BearerServer(repo.path.parent) as server:
        url = server.url("shop.git")
        source.use_certificates({"localhost": made.ca.read_text()})
        source.use_credentials([credential(url, azureActiveDirectoryEndpoint=entra.url, **PRINCIPAL)])
        assert await source.refresh(url)
        assert await files(source, url, sha, SourceSpec(url))


class ContainerRegistry(Forms, RegistryServer):
    """Azure's: it exchanges a token of Entra ID for one of its own."""

    def answer(self, request: web.Request, told: Request) -> web.Response:
        if request.path == "/oauth2/exchange":
            return web.json_response({"refresh_token": "refresh-1"})
        return super().answer(request, told)


async def test_an_azure_registry(
    source: GitSource, tmp_path: Path, context: ssl.SSLContext, entra: TokenServer, made: Certificates
) -> None:
    registry = ContainerRegistry()
    await registry.start("localhost", context)
    registry.login = basic("00000000-0000-0000-0000-000000000000", "refresh-1")
    digest = registry.push("charts/shop", "1.0.0", b"chart")
    url = f"oci://{registry.host}/charts/shop"
    source.use_certificates({"localhost": made.ca.read_text()})
    source.use_credentials([credential(url, type="oci", azureActiveDirectoryEndpoint=entra.url, **PRINCIPAL)])
    sources = Sources(source, tmp_path / "charts", matching, Silent())
    try:
        assert await sources.latest(SourceSpec(url), "1.0.0") == digest
        assert [form["scope"] for _, form in entra.forms] == ["https://management.core.windows.net/.default"]
        exchanged = {"grant_type": "access_token", "service": registry.host, "access_token": "token-1"}
        assert registry.forms == [("/oauth2/exchange", exchanged)]
    finally:
        await sources.close()
        await registry.stop()
