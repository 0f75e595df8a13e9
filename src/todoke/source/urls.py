"""Repository URLs: what we accept, how we compare them and how we show them."""

import re
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked
from todoke.model.sources import shown_url

_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")
_SCP_LIKE = re.compile(r"^([\w.+-]+@[\w.-]+|[\w.+-]+@\[[0-9a-fA-F:]+\])(?::/*(.*))?$")
_SSH_URL = re.compile(r"ssh://(?:([\w.+-]+)(?::[^@/]*)?@)?([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/.*)", re.I)
_LONGEST_MESSAGE = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Location(msgspec.Struct, frozen=True):
    """Where a repository is. `url` bears no user and no password, so that it may be shown and passed to a process.

    Only that of SSH bears a user: it is part of the place, and no secret.
    """

    url: str
    scheme: str  # "https", "http", "ssh" or "file"
    host: str = ""  # host and port
    path: str = ""  # a folder of this machine, for scheme "file"
    user: str = ""
    password: SecretText = SecretText()
    written: SecretText = SecretText()  # as it was given, with the login that it bears

    @property
    def subject(self) -> str:
        """How messages name the repository."""
        return f"Repository {shown_url(self.url)}"


def locate(repo_url: str) -> Location:
    """The location that a `repoURL` names.

    Raises: Blocked: every scheme other than https, http, ssh, file and an absolute path; a spelling that servers and
        clients read as another URL, which projects could not judge.
    """
    text = repo_url.strip()
    _refuse_disguise(text)
    if text.startswith("/"):
        return Location(text, "file", path=text)
    subject = f"Repository {shown_url(text)}"
    if text.lower().startswith("ssh://") or _SCP_LIKE.match(text):
        return _ssh_location(text, subject)
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
            subject, "is not a Git URL that todoke can read", next_step="Use an https://, ssh:// or file:// URL"
        )
    host = parts.hostname if port is None else f"{parts.hostname}:{port}"
    host = f"[{parts.hostname}]" + host.removeprefix(parts.hostname) if ":" in parts.hostname else host
    return Location(
        urlunsplit((scheme, host, parts.path.rstrip("/"), parts.query, "")),
        scheme,
        host,
        user=unquote(parts.username or ""),
        password=SecretText(unquote(parts.password or "")),
        written=SecretText(text),
    )


def _refuse_disguise(text: str) -> None:
    """A project permits `https://host/team/*`: `https://host/team/../other`, which is asked as `/other`, is no such."""
    is_http = text.lower().startswith(("http://", "https://"))
    place, asks, query = text.partition("#")[0].partition("?") if is_http else (text, "", "")
    host, _, path = (place.partition("://")[2] or place).partition("/")
    host = host.rpartition("@")[2]
    if {".", ".."}.intersection(re.split(r"[/\\:]", unquote(f"{host}/{path}"))):
        problem, step = "has a step . or .. in its path", "Write where it leads"
    elif is_http and host.partition(":")[0].endswith("."):  # curl looks it up without the dot
        problem, step = "names a host that ends with a dot", "Leave the dot away"
    elif not host.isascii():
        problem, step = "names a host that is not written in ASCII", "Write it as xn--…"
    elif _CONTROL.search(text) or "\\" in path or (is_http and "%" in host) or (asks and not query):
        problem, step = "is spelled unlike the URL that would be asked", "Write plain letters as they are"
    else:
        return
    raise Blocked(f"Repository {shown_url(_CONTROL.sub(' ', text))}", problem, next_step=step)


def _ssh_location(text: str, subject: str) -> Location:
    """The location of an SSH URL, as it is written: `host:a` is below a home, `ssh://host/a` is not.

    Nothing in it can be taken for an option of ssh.
    """
    if scp := _SCP_LIKE.match(text):
        host, path, url = scp.group(1), scp.group(2), text
    elif parts := _SSH_URL.fullmatch(text):
        user, name, port, path = parts.groups()
        host = f"{user}@{name}" if user else name
        port = port or ""
        url = f"ssh://{host}{port}{path}"
        host += port
    else:
        raise Blocked(subject, "is not a valid URL", next_step="Write ssh://git@host/path or git@host:path")
    bare = host.rpartition("@")[2]
    if not path or not path.strip("/") or host.startswith("-") or bare.startswith("-"):
        raise Blocked(subject, "is not a valid URL", next_step="Write ssh://git@host/path or git@host:path")
    return Location(url.rstrip("/"), "ssh", bare)


def comparable(url: str) -> str:
    """A URL's form for comparison: without user, case, trailing slash and `.git`. Source: Argo CD, NormalizeGitURL.

    Both forms of SSH become `ssh://user@host/path`: there the user is part of the place.
    """
    text = url.strip()
    if scp := _SCP_LIKE.match(text):
        text = f"ssh://{scp.group(1)}/{scp.group(2) or ''}"
    text = (text if text.lower().startswith("ssh://") else _USER_INFO.sub("", text)).lower().removeprefix("file://")
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
