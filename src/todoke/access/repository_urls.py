"""One repository, many spellings: the form in which URLs are compared."""

import re

_SCP_LIKE = re.compile(r"^[^/:@]*@[^@]+$")
_PARTS = re.compile(r"(https?|ssh|oci)://(?:([^/?:]*)[^/?]*@)?(\[[^]/]*\]|[^/?@:]*?)\.?(?::(\d*))?((?:[/?].*)?)")
_CODED = re.compile(r"%(2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)")  # RFC 3986: letters, digits, `-._~`
_PORTS = {"https": "443", "http": "80", "ssh": "22", "oci": "443"}


def comparable_url(url: str) -> str:
    """A repository's URL for comparison: lower case, without `.git`, SSH always as `user@host/path`.

    Source: Argo CD, NormalizeGitURL; beyond it, these make no other repository: a trailing slash, a fragment, a slash
    that is said twice, a letter that is coded, a password, a user of HTTP, the port that is meant anyway, a dot that
    ends the host. What could only disguise a URL is refused where it is used (todoke.source.urls).
    """
    text = url.strip().lower().partition("#")[0]
    if "://" not in text and _SCP_LIKE.match(text):
        text = f"ssh://{text.replace(':', '/', 1)}"
    if parts := _PARTS.fullmatch(text):
        scheme, user, host, port, path = parts.groups(default="")
        login = f"{user}@" if user and scheme == "ssh" else ""
        path = re.sub("/{2,}", "/", _CODED.sub(lambda code: chr(int(code[1], 16)), path)).lower()
        text = f"{scheme}://{login}{host}{f':{port}' if port not in ('', _PORTS[scheme]) else ''}{path}"
    return text.removeprefix("ssh://").rstrip("/").removesuffix(".git")
