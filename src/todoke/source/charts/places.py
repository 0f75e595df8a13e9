"""Where charts and OCI artifacts are: what a repoURL names, and how it is asked. Source: Argo CD, "Helm" and "OCI"."""

import hashlib
import re
from urllib.parse import unquote, urlsplit

import msgspec

from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked
from todoke.model.sources import shown_url
from todoke.source.keyring import Keyring, Login, Options
from todoke.source.urls import Location, locate

_OCI = "oci://"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")  # OCI distribution specification, "Pulling manifests"
_DOCKER_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


class Place(msgspec.Struct, frozen=True):
    """A Helm repository or an OCI registry, and what opens it.

    Attributes:
        url: how it is asked, without a login: the folder of `index.yaml`, or the registry's root.
        name: in a registry, the path that all names asked for begin with; "" in a Helm repository.
    """

    location: Location
    url: str
    name: str
    is_registry: bool
    login: Login
    options: Options

    @property
    def subject(self) -> str:
        """How messages name it."""
        return subject(self.location)

    @property
    def insecure(self) -> bool:
        """Whether certificates are not checked."""
        return self.login.insecure or self.options.insecure

    @property
    def secrets(self) -> list[str]:
        """What must never be shown."""
        proxy = self.options.proxy.reveal()
        password = urlsplit(proxy).password if "@" in proxy else ""
        return [*(secret.reveal() for secret in self.login.secrets), *filter(None, (proxy, password))]

    @property
    def identity(self) -> str:
        """A digest of where it is and of what opens it; answers under one login are not taken for those of another."""
        told = [self.url, self.name, self.login.header.reveal(), self.login.certificate, str(self.insecure)]
        told += [self.options.proxy.reveal(), self.options.no_proxy, self.login.authority]
        told.append(msgspec.json.encode(self.login.app).decode())
        return hashlib.sha256("\0".join(told).encode()).hexdigest()


def place(repo_url: str, keyring: Keyring) -> Place:
    """What a `repoURL` or the `repository` of a dependency names.

    An OCI registry is written with `oci://`, or without a scheme where a Secret says `enableOCI`.
    Raises: Blocked: it is neither a Helm repository nor a registry.
    """
    text = repo_url.strip()
    scheme, separator, rest = text.partition("://")
    if scheme.lower() in ("http", "https"):
        location = locate(text)
        return Place(location, location.url, "", False, keyring.login(location), keyring.options(location))
    if separator and scheme.lower() != "oci":
        step = "Use its https:// URL, or oci:// for a registry"
        raise Blocked(
            f"Repository {shown_url(text)}", f"begins with {scheme}://, which charts are not read from", next_step=step
        )
    location = _registry(rest if separator else text)
    options = keyring.options(location)
    if not separator and not (options.enable_oci or options.kind == "oci"):
        problem = "has neither https:// nor oci://, and no Secret with enableOCI is for it"
        step = 'Write oci:// before it, or add enableOCI: "true" to its Secret'
        raise Blocked(f"Repository {shown_url(text)}", problem, next_step=step)
    host = _DOCKER_HUB.get(location.host, location.host)
    url = f"{'http' if options.plain_http else 'https'}://{host}"
    return Place(location, url, location.path, True, keyring.login(location), options)


def subject(location: Location) -> str:
    """How messages name a repository or registry."""
    if location.scheme == "oci":
        return f"OCI repository {location.url}"
    return f"Helm repository {shown_url(location.url)}"


def artifact(found: Place, chart: str = "") -> str:
    """The name of a chart, or of the place itself, in its registry.

    Raises: Blocked: no name that a registry could have.
    """
    name = "/".join(filter(None, (found.name, chart)))
    if not _NAME.fullmatch(name):
        step = "Registries take small letters, digits, and . _ - / between them"
        raise Blocked(found.subject, f'"{name}" is not the name of an OCI repository', next_step=step)
    return name


def _registry(text: str) -> Location:
    try:
        parts = urlsplit(f"{_OCI}{text}")
        login = (unquote(parts.username or ""), unquote(parts.password or ""))
    except ValueError as error:
        raise Blocked(f"Repository {shown_url(_OCI + text)}", "is not a valid URL") from error
    host, path = parts.netloc.rpartition("@")[2].lower(), parts.path.strip("/")
    named = f"Repository {_OCI}{host}/{path}"
    if not _HOST.fullmatch(host):
        raise Blocked(named, "names no host", next_step="Write it as oci://registry.example/name")
    if parts.query or parts.fragment or ":" in path or "@" in path:
        raise Blocked(named, "has a tag, a digest or a query in it", next_step="Write the tag as targetRevision")
    url = f"{_OCI}{host}/{path}".rstrip("/")
    return Location(url, "oci", host, path, user=login[0], password=SecretText(login[1]))
