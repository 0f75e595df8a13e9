"""What a lock file says of orbs: which version a reference stands for, and which text exactly."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

PUBLIC_REGISTRY: Final = "https://circleci.com/graphql-unstable"
MOST_ORBS: Final = 200
LARGEST_ORB: Final = 4 * 1024 * 1024  # bytes of one text
_REFERENCE = re.compile(r"(\w[\w.-]*)/(\w[\w.-]*)@(\w[\w.:/+-]*)\Z", re.ASCII)
_FULL = re.compile(r"(\d+)\.(\d+)\.(\d+)\Z", re.ASCII)
_GIT_PLACE = re.compile(
    r"(?P<url>(?:\w+://[^/]*/|[\w.+-]+@[\w.-]+:|/)[^@:]+)(?:@(?P<ref>[^@:]+))?:(?P<path>[^:]*)\Z", re.ASCII
)


class Reference(NamedTuple):
    """An orb as a configuration names it: `circleci/node@5.0`."""

    namespace: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.orb}@{self.version}"

    @property
    def orb(self) -> str:
        """Its name without the version."""
        return f"{self.namespace}/{self.name}"

    @property
    def moves(self) -> bool:
        """Whether another text may stand behind the same version tomorrow: development versions."""
        return self.version.startswith("dev:")

    def fits(self, version: str) -> bool:
        """Whether a version of the registry is one that this asks for."""
        if version == self.version or self.moves or _FULL.match(version) is None:
            return version == self.version and version != "volatile"
        return self.version == "volatile" or version.startswith(f"{self.version}.")


def reference_of(text: str) -> Reference | None:
    """What a text refers to; None when it is no reference."""
    match = _REFERENCE.match(text)
    return Reference(*match.groups()) if match else None


def order_of(version: str) -> tuple[int, ...]:
    """For sorting full versions; others come first."""
    match = _FULL.match(version)
    return tuple(int(part) for part in match.groups()) if match else ()


def file_stem(name: str, version: str) -> str:
    """What an orb's file is called, without its suffix. Signs that not every file system has become `_`."""
    return f"{name}@{re.sub(r'[^0-9A-Za-z_.+-]', '_', version)}"


class GitPlace(NamedTuple):
    """A file or folder of a Git repository. Attributes: ref: branch, tag or commit, "" for the default branch."""

    url: str
    ref: str
    path: str


def git_place(text: str) -> GitPlace | None:
    """`URL:PATH` or `URL@REF:PATH`; None when it is neither."""
    match = _GIT_PLACE.match(text)
    return GitPlace(match["url"], match["ref"] or "", match["path"].strip("/")) if match else None


class LockedOrb(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of a lock file.

    Attributes:
        version: the full one. sha256: of the text's UTF-8, in hex digits.
        registry: host that it came from; or git, ref, commit, path: the repository's URL, what was asked for, and where
            in which commit it was.
    """

    version: str
    sha256: str
    registry: str = ""
    git: str = ""
    ref: str = ""
    commit: str = ""
    path: str = ""

    @property
    def place(self) -> str:
        """Where it came from, for people."""
        return f"{self.git}@{self.commit[:12]}:{self.path}" if self.git else self.registry


class Offer(NamedTuple):
    """An orb's text with what the lock file says of it."""

    text: str
    locked: LockedOrb


class OrbPart(NamedTuple):
    """One file of an orb. Attributes: section, name: which element it is; both are "" for the orb's own file."""

    section: str
    name: str
    file: str
    text: str


class OrbFiles(NamedTuple):
    """An orb in one file or many. Attributes: included: texts for `<<include(…)>>` by their names there."""

    parts: tuple[OrbPart, ...]
    included: Mapping[str, str] = {}
