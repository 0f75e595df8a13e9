"""Where manifests come from."""

import re

import msgspec

_USER_INFO = re.compile(r"(?<=://)[^/\s@]*@")
_QUERY = re.compile(r"(?<=[\w/])\?[^\s'\"]*")


def shown_url(url: str) -> str:
    """A repository's URL without its secrets; also of each URL in a longer text."""
    return _QUERY.sub("?***", _USER_INFO.sub("***@", url))


class SourceSpec(msgspec.Struct, frozen=True):
    """One source of a deliverable: a folder of a repository at a revision, read as plain manifests."""

    repo_url: str
    revision: str = "HEAD"  # branch, tag, HEAD, refs/..., full or short SHA
    path: str = "."
    recurse: bool = False
    include: str = ""  # glob on the path relative to `path`, {a,b} allowed; "" = all
    exclude: str = ""  # beats include
    name: str = ""


class SourceFile(msgspec.Struct, frozen=True):
    """One file of a source; `path` is relative to the source's folder."""

    path: str
    data: bytes


class CommitInfo(msgspec.Struct, frozen=True):
    """What a person wants to know of a commit."""

    sha: str
    author: str
    date: str  # ISO 8601 with offset
    subject: str
    parents: tuple[str, ...] = ()


class RevertRequest(msgspec.Struct, frozen=True):
    """Undo on the tip of a branch what changed under `path` between two revisions.

    `bad` is what is deployed now, `good` what shall be deployed again. Other paths are not touched.
    """

    repo_url: str
    branch: str
    path: str
    bad: str
    good: str
    application: str
    requested_by: str
    push_to: str  # branch to push to; "" for a direct push to `branch`


class Reverted(msgspec.Struct, frozen=True):
    """The commit that was pushed."""

    sha: str
    branch: str
    reverted: tuple[CommitInfo, ...]  # newest first
    conflicts: tuple[str, ...] = ()  # paths with conflict markers; never pushed to the tracked branch
    link: str = ""  # where a person opens the pull request, when the forge is known
