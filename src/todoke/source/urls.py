"""Repository URLs: what we accept, how we compare them and how we show them."""

import re
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked
from todoke.model.sources import shown_url

_USER_INFO = re.compile(r"(?<=://)[^/\s@]*@")
_SCP_LIKE = re.compile(r"^[\w.-]+@[\w.-]+:")
_LONGEST_MESSAGE = 300


class Location(msgspec.Struct, frozen=True):
    """Where a repository is. `url` bears no user and no password, so that it may be shown and passed to a process."""

    url: str
    scheme: str  # "https", "http" or "file"
    host: str = ""  # host and port
    path: str = ""  # a folder of this machine, for scheme "file"
    user: str = ""
    password: SecretText = SecretText()

    @property
    def subject(self) -> str:
        """How messages name the repository."""
        return f"Repository {shown_url(self.url)}"


def locate(repo_url: str) -> Location:
    """The location that a `repoURL` names.

    Raises: Blocked: SSH and every scheme other than https, http, file and an absolute path.
    """
    text = repo_url.strip()
    if text.startswith("/"):
        return Location(text, "file", path=text)
    subject = f"Repository {shown_url(text)}"
    if text.startswith("ssh://") or _SCP_LIKE.match(text):
        raise Blocked(
            subject, "SSH is not supported by this version", next_step="Use the https:// URL of the repository"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Blocked(subject, "is not a valid URL") from error
    scheme = parts.scheme.lower()
    if scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        path = unquote(parts.path)
        return Location(text, "file", path=path)
    if scheme not in ("http", "https") or not parts.hostname:
        raise Blocked(
            subject, "is not a Git URL that todoke can read", next_step="Use an https://, http:// or file:// URL"
        )
    host = parts.hostname if port is None else f"{parts.hostname}:{port}"
    host = f"[{parts.hostname}]" + host.removeprefix(parts.hostname) if ":" in parts.hostname else host
    return Location(
        urlunsplit((scheme, host, parts.path.rstrip("/"), parts.query, "")),
        scheme,
        host,
        user=unquote(parts.username or ""),
        password=SecretText(unquote(parts.password or "")),
    )


def comparable(url: str) -> str:
    """A URL's form for comparison: without user, case, trailing slash and `.git`. Source: Argo CD, NormalizeGitURL."""
    text = _USER_INFO.sub("", url.strip()).lower().removeprefix("file://")
    return text.rstrip("/").removesuffix(".git").rstrip("/")


def begins_with(url: str, template: str) -> bool:
    """Whether a credential template covers a URL, both comparable.

    A plain prefix as in Argo CD, but never across the end of the host: a template for `https://git.corp` must not
    send its password to `https://git.corp.example.com`.
    """
    if not url.startswith(template):
        return False
    host_end = template.find("/", template.find("://") + 3)
    return host_end != -1 or url[len(template) :][:1] in ("", "/")


def same_place(asked: str, answered: str) -> bool:
    """Whether a redirect stays where the login may go: the same host, by TLS if TLS was asked for."""
    first, second = urlsplit(asked), urlsplit(answered)
    if first.hostname != second.hostname:
        return False
    return (first.scheme, first.port) == (second.scheme, second.port) or (
        second.scheme == "https" and first.scheme == "http" and first.port is None and second.port is None
    )


def scrubbed(text: str, *secrets: str) -> str:
    """A foreign message, fit to be shown: no secret, one line, at most 300 characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return shown_url(" ".join(text.split()))[:_LONGEST_MESSAGE]
