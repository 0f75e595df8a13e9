"""What a node would say about an image reference, without ever pulling one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_HOST_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PATH_PART}(?:/{_PATH_PART})*"
_TAG = r"[\w][\w.-]{0,127}"
_ALGORITHM = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*"
_DIGEST = rf"{_ALGORITHM}:[0-9a-fA-F]{{32,}}"
_REFERENCE = re.compile(
    rf"(?P<host>{_HOST})/(?P<path>{_PATH})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?", re.ASCII
)
_BARE_ID = re.compile(r"[a-f0-9]{64}")
_LONGEST_NAME = 255
_EXITS = re.compile(r"exits-(\d+)")


class InvalidReference(Exception):
    """The text is no image reference; the message is what the reference parser of a node says."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference with all its defaults filled in, for example docker.io / library/nginx : latest."""

    host: str
    path: str
    tag: str  # "" only if there is a digest
    digest: str  # "" if there is none

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.path}{tag}{digest}"

    @property
    def exit_code(self) -> int | None:
        """N for the tag ``exits-N``, which makes a container end with this code; None for others."""
        found = _EXITS.fullmatch(self.tag)
        return int(found[1]) if found else None


@lru_cache(maxsize=1024)
def parse(image: str) -> Reference:
    """The reference of an image as it stands in a Pod.

    Raises: InvalidReference: the grammar of references does not allow it.
    """
    if _BARE_ID.fullmatch(image):
        raise InvalidReference(f"invalid repository name ({image}), cannot specify 64-byte hexadecimal strings")
    host, rest = _split_host(image)
    name = re.split(r"[:@]", rest, maxsplit=1)[0]
    if name != name.lower():
        raise InvalidReference(f"invalid reference format: repository name ({name}) must be lowercase")
    found = _REFERENCE.fullmatch(f"{host}/{rest}")
    if found is None:
        raise InvalidReference("invalid reference format")
    if len(f"{host}/{name}") > _LONGEST_NAME:
        raise InvalidReference(f"repository name must not be more than {_LONGEST_NAME} characters")
    digest = found["digest"] or ""
    return Reference(found["host"], found["path"], found["tag"] or ("" if digest else "latest"), digest)


def _split_host(image: str) -> tuple[str, str]:
    """A first part is a host if it looks like one; everything else lives on Docker's own registry."""
    first, slash, rest = image.partition("/")
    if slash and (set(first) & {".", ":"} or first == "localhost" or first != first.lower()):
        return ("docker.io" if first == "index.docker.io" else first), _official(first, rest)
    return "docker.io", _official("docker.io", image)


def _official(host: str, path: str) -> str:
    return f"library/{path}" if host in ("docker.io", "index.docker.io") and "/" not in path else path
