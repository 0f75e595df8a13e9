"""Repository credentials, as users keep them in Argo CD format Secrets.

Source: Argo CD, "Declarative Setup", "Repositories".
"""

import base64
import enum
from collections.abc import Mapping

import msgspec


class SecretText(msgspec.Struct, frozen=True):
    """Text that never shows itself: its repr and str are `***`. Use `.reveal()` at the place of use only."""

    value: str = ""

    def reveal(self) -> str:
        """The text itself."""
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


class CredentialUse(enum.StrEnum):
    REPOSITORY = "repository"
    TEMPLATE = "repo-creds"
    WRITE = "repository-write"
    WRITE_TEMPLATE = "repo-write-creds"


class GitHubApp(msgspec.Struct, frozen=True):
    """An app that logs in by its key. `base_url`: of the API of GitHub Enterprise, as https://host/api/v3."""

    app: str
    installation: str = ""  # "" is the one of the repository
    key: SecretText = SecretText()
    base_url: str = ""


class AzureLogin(msgspec.Struct, frozen=True):
    """A service principal, or with `workload` the identity that the Pod was given.

    Attributes: endpoint: of Entra ID, "" for that of the public cloud or of the Pod's environment.
    """

    client: str = ""
    secret: SecretText = SecretText()
    tenant: str = ""
    endpoint: str = ""
    workload: bool = False


class GoogleLogin(msgspec.Struct, frozen=True):
    """A service account by its key, the JSON file that Google gave."""

    key: SecretText


App = GitHubApp | AzureLogin | GoogleLogin
"""Who logs in with a token that has to be asked for."""


class Credential(msgspec.Struct, frozen=True):
    """How to log in to one repository, or to all whose URL begins with `url` (templates)."""

    use: CredentialUse
    url: str
    username: str = ""
    password: SecretText = SecretText()
    bearer_token: SecretText = SecretText()
    client_certificate: SecretText = SecretText()
    client_key: SecretText = SecretText()
    ssh_key: SecretText = SecretText()
    app: App | None = None
    lfs: bool = False  # files in Git LFS are fetched
    insecure: bool = False  # TLS certificates and SSH host keys are not checked
    project: str = ""
    origin: str = ""  # Secret/namespace/name, for messages
    kind: str = ""  # "git", "helm" or "oci"; "" means "git"
    enable_oci: bool = False  # a Helm repository that is an OCI registry
    plain_http: bool = False  # an OCI registry that speaks no TLS
    proxy: SecretText = SecretText()  # URL; it may bear a password
    no_proxy: str = ""  # hosts that are asked without the proxy, with commas


LABEL = "argocd.argoproj.io/secret-type"


def credential_of(secret_type: str, data: Mapping[str, str], origin: str) -> Credential | None:
    """The credential in a Secret's base64 `data`, or None when the Secret is of another type or names no URL."""
    if secret_type not in CredentialUse._value2member_map_:
        return None
    text = {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}
    if not text.get("url"):
        return None
    return Credential(
        use=CredentialUse(secret_type),
        url=text["url"].strip(),
        username=text.get("username", ""),
        password=SecretText(text.get("password", "")),
        bearer_token=SecretText(text.get("bearerToken", "")),
        client_certificate=SecretText(text.get("tlsClientCertData", "")),
        client_key=SecretText(text.get("tlsClientCertKey", "")),
        ssh_key=SecretText(text.get("sshPrivateKey", "")),
        app=_app(text),
        lfs=text.get("enableLfs", "") == "true",
        insecure="true" in (text.get("insecure"), text.get("insecureIgnoreHostKey")),
        project=text.get("project", ""),
        origin=origin,
        kind=text.get("type", ""),
        enable_oci=text.get("enableOCI", "") == "true",
        plain_http=text.get("insecureOCIForceHttp", "") == "true",
        proxy=SecretText(text.get("proxy", "").strip()),
        no_proxy=text.get("noProxy", ""),
    )


def _app(text: Mapping[str, str]) -> App | None:
    if text.get("githubAppPrivateKey"):
        return GitHubApp(
            app=text.get("githubAppID", "").strip(),
            installation=text.get("githubAppInstallationID", "").strip(),
            key=SecretText(text["githubAppPrivateKey"]),
            base_url=text.get("githubAppEnterpriseBaseUrl", "").strip(),
        )
    if text.get("gcpServiceAccountKey"):
        return GoogleLogin(SecretText(text["gcpServiceAccountKey"]))
    workload = text.get("useAzureWorkloadIdentity", "") == "true"
    if workload or text.get("azureServicePrincipalClientSecret"):
        return AzureLogin(
            client=text.get("azureServicePrincipalClientId", "").strip(),
            secret=SecretText(text.get("azureServicePrincipalClientSecret", "").strip()),
            tenant=text.get("azureServicePrincipalTenantId", "").strip(),
            endpoint=text.get("azureActiveDirectoryEndpoint", "").strip(),
            workload=workload,
        )
    return None
