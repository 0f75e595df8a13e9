"""Which credential opens which repository. Source of the rules: Argo CD, "Private Repositories"."""

import base64
import ssl
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked
from todoke.source.urls import Location, begins_with, comparable


class Login(msgspec.Struct, frozen=True):
    """How one repository is opened: an HTTP header and TLS options."""

    header: SecretText = SecretText()  # value of the Authorization header
    certificate: str = ""  # path of a PEM file with the client's certificate and key
    insecure: bool = False
    origin: str = ""  # the Secret it comes from, for messages
    secrets: tuple[SecretText, ...] = ()  # what must never be shown

    def tls(self) -> ssl.SSLContext | bool:
        """The TLS options in the form of aiohttp: a context, True for the defaults, False for no checks."""
        if not self.certificate:
            return not self.insecure
        context = ssl.create_default_context()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(self.certificate)
        return context

    def without_secrets(self) -> "Login":
        """The same TLS checks with nothing that identifies us, for another host than the one that was asked for."""
        return Login(insecure=self.insecure)


class Keyring:
    """The credentials in use; replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._exact: dict[tuple[bool, str], Credential] = {}
        self._templates: list[tuple[bool, str, Credential]] = []

    def replace(self, credentials: Iterable[Credential]) -> None:
        """Forget all credentials and use these. One without a project beats one of the same URL with a project."""
        self._exact, self._templates = {}, []
        for credential in sorted(credentials, key=lambda one: (one.project == "", one.origin)):
            write = credential.use in (CredentialUse.WRITE, CredentialUse.WRITE_TEMPLATE)
            url = comparable(credential.url)
            if credential.use in (CredentialUse.TEMPLATE, CredentialUse.WRITE_TEMPLATE):
                self._templates.append((write, url, credential))
            else:
                self._exact[write, url] = credential
        self._templates.sort(key=lambda one: (-len(one[1]), one[2].project != ""))

    def login(self, location: Location, *, write: bool = False) -> Login:
        """How to open a repository: its own credential, else the longest template, else what its URL bears.

        A repository's own Secret that holds no login (only TLS options, or nothing) takes the template's login.
        """
        exact = self._exact.get((write, comparable(location.url)))
        if exact is not None and _has_login(exact):
            return self._login_of(exact)
        for for_write, prefix, template in self._templates:
            if for_write == write and begins_with(comparable(location.url), prefix):
                return self._login_of(template)
        if location.user or location.password:
            return _login(location.user, location.password, "the repository's URL")
        return self._login_of(exact) if exact is not None else Login()

    def _login_of(self, credential: Credential) -> Login:
        certificate = self._certificate_file(credential)
        if credential.bearer_token:
            header = SecretText(f"Bearer {credential.bearer_token.reveal()}")
            secrets: tuple[SecretText, ...] = (credential.bearer_token, header)
        elif credential.username or credential.password:
            login = _login(credential.username, credential.password, "")
            header, secrets = login.header, login.secrets
        else:
            header, secrets = SecretText(), ()
        return Login(header, certificate, credential.insecure, credential.origin, secrets)

    def _certificate_file(self, credential: Credential) -> str:
        """The PEM file of a client certificate; both aiohttp and git want a file."""
        if not (credential.client_certificate and credential.client_key):
            return ""
        pem = f"{credential.client_certificate.reveal().strip()}\n{credential.client_key.reveal().strip()}\n"
        path = self._folder / f"{sha256(pem.encode()).hexdigest()[:24]}.pem"
        if not path.exists():
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)
                path.write_text(pem)
            except OSError as error:
                problem = f"its certificate cannot be kept: {error.strerror}"
                raise Blocked(credential.origin, problem) from error
        return str(path)


def _has_login(credential: Credential) -> bool:
    certificate = credential.client_certificate and credential.client_key
    return bool(credential.username or credential.password or credential.bearer_token or certificate)


def _login(user: str, password: SecretText, origin: str) -> Login:
    # Forges that take a token as password want some user name; git sends one too.
    pair = f"{user or 'git'}:{password.reveal()}"
    encoded = base64.b64encode(pair.encode()).decode()
    alone = SecretText() if password else SecretText(user)  # a user without a password is a token
    secrets = (SecretText(pair), SecretText(encoded), password, alone)
    return Login(SecretText(f"Basic {encoded}"), origin=origin, secrets=secrets)
