"""Which credential opens which repository. Source of the rules: Argo CD, "Private Repositories"."""

import base64
import contextlib
import math
import ssl
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from todoke.model.credentials import App, Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked
from todoke.model.trusted import CERTIFICATES
from todoke.source.ssh import SshFiles, file_name
from todoke.source.urls import Location, begins_with, comparable

ADD_AUTHORITY = f"Add its CA to the ConfigMap {CERTIFICATES} under the host's name, or to the system's trust"


class Login(msgspec.Struct, frozen=True):
    """How one repository is opened: an HTTP header and TLS options, or the `ssh` to call."""

    header: SecretText = SecretText()  # value of the Authorization header
    certificate: str = ""  # path of a PEM file with the client's certificate and key
    insecure: bool = False
    origin: str = ""  # the Secret it comes from, for messages
    secrets: tuple[SecretText, ...] = ()  # what must never be shown
    ssh_command: str = ""  # value of GIT_SSH_COMMAND, with the paths of files
    app: App | None = None  # whose token has to be asked for
    expires: float = math.inf  # when the header is none any more, in seconds since 1970
    proxy: SecretText | None = None  # URL; empty: asked directly; None: as the environment says
    authority: str = ""  # path of a PEM file with the certificates that the host is known by; "" = the system's

    def tls(self) -> ssl.SSLContext | bool:
        """The TLS options in the form of aiohttp: a context, True for the defaults, False for no checks."""
        if not self.certificate and not self.authority:
            return not self.insecure
        return tls_context(self.certificate, self.authority, insecure=self.insecure)

    def without_secrets(self) -> "Login":
        """Nothing that identifies us, and no certificates either: for another host than the one that was asked for."""
        return Login(insecure=self.insecure, proxy=self.proxy)


def tls_context(certificate: str, authority: str, *, insecure: bool) -> ssl.SSLContext:
    """The TLS options of a client certificate and of the certificates that a host is known by.

    Raises: ssl.SSLError, OSError: one of the files cannot be used.
    """
    context = ssl.create_default_context(cafile=authority or None)
    if authority:  # a host's own certificate will do, without its authority's
        context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate)
    return context


class Options(msgspec.Struct, frozen=True):
    """How a Helm repository or an OCI registry is asked, beside its login.

    What a repository's own Secret leaves open, the longest template for its URL says.
    """

    kind: str = ""  # "git", "helm", "oci" or ""
    enable_oci: bool = False
    plain_http: bool = False
    insecure: bool = False
    proxy: SecretText = SecretText()
    no_proxy: str = ""
    lfs: bool = False


class Keyring:
    """The credentials in use; replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ssh = SshFiles(folder)
        self._exact: dict[tuple[bool, str], Credential] = {}
        self._templates: list[tuple[bool, str, Credential]] = []
        self._certificates: dict[str, str] = {}  # PEM text by host
        self._proper: set[str] = set()  # those that were found to hold certificates

    def replace(self, credentials: Iterable[Credential]) -> None:
        """Forget all credentials and use these. One without a project beats one of the same URL with a project."""
        self._exact, self._templates = {}, []
        for credential in sorted(credentials, key=lambda one: (one.project == "", one.origin)):
            write = credential.use in (CredentialUse.WRITE, CredentialUse.WRITE_TEMPLATE)
            url = _place(credential.url)
            if credential.use in (CredentialUse.TEMPLATE, CredentialUse.WRITE_TEMPLATE):
                self._templates.append((write, url, credential))
            else:
                self._exact[write, url] = credential
        self._templates.sort(key=lambda one: (-len(one[1]), one[2].project != ""))
        self._sweep()

    def trust_hosts(self, text: str) -> None:
        """Replace the lines of known SSH hosts; those of the large forges are built in."""
        self._ssh.trust(text)

    def trust_certificates(self, certificates: Mapping[str, str]) -> bool:
        """Replace the certificates of hosts; whether they are others than before."""
        found = {host.strip().lower(): text for host, text in certificates.items()}
        if found == self._certificates:
            return False
        self._certificates, self._proper = found, set()
        self._sweep()
        return True

    def authority(self, host: str) -> str:
        """The path of the certificates that a host, with a port or without, is known by; "" for the system's.

        Raises: Blocked: they are none.
        """
        place = host.lower().rpartition("@")[2]
        name = place.rpartition("]")[0].strip("[") or place.partition(":")[0]
        text = self._certificates.get(name, "")
        if not text:
            return ""
        if text in self._proper:
            return self._kept(text, _authority_name(text), f"ConfigMap/{CERTIFICATES}")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except (ssl.SSLError, ValueError) as error:
            step = "Put in the CA's certificate in PEM form, or take the entry out"
            raise Blocked(f"ConfigMap/{CERTIFICATES}", "is no certificate", field=name, next_step=step) from error
        self._proper.add(text)
        return self._kept(text, _authority_name(text), f"ConfigMap/{CERTIFICATES}")

    def _sweep(self) -> None:
        """Remove the files of credentials that are gone."""
        held = [*self._exact.values(), *(template for _, _, template in self._templates)]
        kept = {_pem_name(_pem(one)) for one in held} | {file_name(one.ssh_key) for one in held}
        kept |= {_authority_name(text) for text in self._certificates.values()}
        for path in (*self._folder.glob("*.pem"), *self._folder.glob("*.key"), *self._folder.glob("*.ca")):
            if path.name not in kept:
                with contextlib.suppress(OSError):
                    path.unlink()

    def login(self, location: Location, *, write: bool = False) -> Login:
        """How to open a repository: its own credential, else the longest template, else what its URL bears.

        A repository's own Secret that holds no login (only TLS options, or nothing) takes the template's login.

        Raises: Blocked: certificates that are named for it are none.
        """
        login = self._login(location, write=write)
        if location.scheme in ("file", "ssh") or login.insecure:
            return login
        return msgspec.structs.replace(login, authority=self.authority(location.host))

    def _login(self, location: Location, *, write: bool) -> Login:
        exact, template = self._exact.get((write, _place(location.url))), self._template(location, write=write)
        ssh = location.scheme == "ssh"
        if exact is not None and _has_login(exact, ssh=ssh):
            return self._login_of(exact, ssh=ssh)
        insecure = exact is not None and exact.insecure
        if template is not None and _has_login(template, ssh=ssh):
            return self._login_of(template, ssh=ssh, insecure=insecure)
        if location.user or location.password:
            login = basic_login(location.user, location.password, "the repository's URL")
            return msgspec.structs.replace(login, insecure=insecure)
        found = exact or template
        return Login(insecure=found.insecure, origin=found.origin) if found is not None else Login()

    def covering(self, url: str) -> str:
        """The URL of the longest Secret or template for reading that a URL begins with; "" for none.

        A repository's own Secret covers what lies in that repository, not its neighbours with a longer name.
        """
        place = _place(url)
        if ".." in place or "%2e" in place or "\\" in place:  # what it covers is not what would be asked for
            return ""
        found = [prefix for write, prefix, _ in self._templates if not write and begins_with(place, prefix)]
        for write, repository in self._exact:
            rest = place.removeprefix(repository)
            if not write and begins_with(place, repository) and (not rest or rest.startswith(_INSIDE)):
                found.append(repository)
        return max(found, key=len, default="")

    def login_at(self, location: Location) -> Login:
        """How to open a file by its URL: with the login of what covers it, see `covering`, else what its URL bears."""
        covering = self.covering(location.url)
        if not covering or (not self._exact.get((False, covering))):
            return self.login(location)
        return self.login(msgspec.structs.replace(location, url=covering))

    def options(self, location: Location) -> Options:
        """How to read a Helm repository or an OCI registry, beside the login."""
        sources = (self._exact.get((False, _place(location.url))), self._template(location, write=False))
        said = [credential for credential in sources if credential is not None]
        proxied = next((credential for credential in said if credential.proxy), None)
        return Options(
            kind=next((credential.kind for credential in said if credential.kind), ""),
            enable_oci=any(credential.enable_oci for credential in said),
            plain_http=any(credential.plain_http for credential in said),
            insecure=any(credential.insecure for credential in said),
            proxy=proxied.proxy if proxied else SecretText(),
            no_proxy=proxied.no_proxy if proxied else "",
            lfs=any(credential.lfs for credential in said),
        )

    def _template(self, location: Location, *, write: bool) -> Credential | None:
        url = _place(location.url)
        for for_write, prefix, template in self._templates:
            if for_write == write and begins_with(url, prefix):
                return template
        return None

    def _login_of(self, credential: Credential, *, ssh: bool, insecure: bool = False) -> Login:
        insecure, origin = insecure or credential.insecure, credential.origin
        if ssh:
            command = self._ssh.command(credential.ssh_key, origin, any_host=insecure)
            return Login(insecure=insecure, origin=origin, secrets=(credential.ssh_key,), ssh_command=command)
        certificate = self._certificate_file(credential)
        if credential.bearer_token:
            header = SecretText(f"Bearer {credential.bearer_token.reveal()}")
            secrets: tuple[SecretText, ...] = (credential.bearer_token, header)
        elif credential.username or credential.password:
            login = basic_login(credential.username, credential.password, "")
            header, secrets = login.header, login.secrets
        else:
            header, secrets = SecretText(), ()
        app = None if header else credential.app
        return Login(header, certificate, insecure, origin, secrets, app=app)

    def _certificate_file(self, credential: Credential) -> str:
        """The PEM file of a client certificate; both aiohttp and git want a file."""
        if not (credential.client_certificate and credential.client_key):
            return ""
        pem = _pem(credential)
        return self._kept(pem, _pem_name(pem), credential.origin)

    def _kept(self, pem: str, name: str, origin: str) -> str:
        path = self._folder / name
        if not path.exists():
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)
                path.write_text(pem)
            except OSError as error:
                raise Blocked(origin, f"its certificate cannot be kept: {error.strerror}") from error
        return str(path)


_INSIDE = ("/", "?", ".git/", ".git?")


def _place(url: str) -> str:
    """The form in which URLs are compared. Secrets name OCI registries with `oci://` or without it."""
    return comparable(url).removeprefix("oci://")


def _has_login(credential: Credential, *, ssh: bool) -> bool:
    if ssh:
        return bool(credential.ssh_key)
    certificate = credential.client_certificate and credential.client_key
    return bool(credential.username or credential.password or credential.bearer_token or certificate or credential.app)


def _pem(credential: Credential) -> str:
    return f"{credential.client_certificate.reveal().strip()}\n{credential.client_key.reveal().strip()}\n"


def _pem_name(pem: str) -> str:
    return f"{sha256(pem.encode()).hexdigest()[:24]}.pem"


def _authority_name(pem: str) -> str:
    return f"{sha256(pem.encode()).hexdigest()[:24]}.ca"


def basic_login(user: str, password: SecretText, origin: str) -> Login:
    """The login with a user's name and a password, or with a token in the place of either."""
    # Forges that take a token as password want some user name; git sends one too.
    pair = f"{user or 'git'}:{password.reveal()}"
    encoded = base64.b64encode(pair.encode()).decode()
    alone = SecretText() if password else SecretText(user)  # a user without a password is a token
    secrets = (SecretText(pair), SecretText(encoded), password, alone)
    return Login(SecretText(f"Basic {encoded}"), origin=origin, secrets=secrets)
