"""Where manifests come from."""

import re

import msgspec

from todoke.model.application_sources import (
    ApplicationSource,
    SourceHelm,
    SourceJsonnet,
    SourceKustomize,
    SourcePlugin,
)

_USER_INFO = re.compile(r"(?<=://)(?<!ssh://)[^/\s]*@|(?<=ssh://)[^/\s@]*:[^/\s]*@")  # who SSH logs in as is no secret
_QUERY = re.compile(r"(?<=[\w/])\?[^\s'\"]*")
_PORT = re.compile(r":\d*$")
_SSH_HOST = re.compile(r"^(?:alt)?ssh\.")


def shown_url(url: str) -> str:
    """A repository's URL without its secrets; also of each URL in a longer text."""
    return _QUERY.sub("?***", _USER_INFO.sub("***@", url))


class Origin(msgspec.Struct, frozen=True, order=True):
    """What is polled: a Git repository, a chart of a Helm repository, or an OCI artifact."""

    repo_url: str
    chart: str = ""

    @property
    def is_registry(self) -> bool:
        """Whether it names an OCI artifact by itself."""
        return self.repo_url.strip().lower().startswith("oci://")


class SourceSpec(msgspec.Struct, frozen=True):
    """One source of a deliverable: a folder of a repository, or a chart, at a revision, and how it is rendered.

    With none of the tools named, the folder's files tell which one it is.
    """

    repo_url: str
    revision: str = "HEAD"  # branch, tag, HEAD, refs/..., full or short SHA, range of versions
    path: str = "."
    recurse: bool = False
    include: str = ""  # glob on the path relative to `path`, {a,b} allowed; "" = all
    exclude: str = ""  # beats include
    name: str = ""
    any_extension: bool = False  # directory: files need not be called .yaml, .yml, .json or .jsonnet
    directory: bool = False  # rendered as a directory even where another tool's files lie
    helm: SourceHelm | None = None
    kustomize: SourceKustomize | None = None
    jsonnet: SourceJsonnet | None = None
    plugin: SourcePlugin | None = None
    chart: str = ""
    ref: str = ""  # name by which value files of other sources point into this one
    only_referenced: bool = False  # it holds files for others and no manifests
    tag_prefix: str = ""  # what the tags begin with among which a revision is looked up

    @property
    def origin(self) -> Origin:
        """What is polled for it."""
        return Origin(self.repo_url, self.chart)


def spec_of(source: ApplicationSource) -> SourceSpec:
    """A source of an Application, with defaults filled in."""
    directory = source.directory
    return SourceSpec(
        repo_url=source.repo_url,
        revision=source.target_revision or "HEAD",
        path=(source.path or ".").strip("/") or ".",
        recurse=bool(directory and directory.recurse),
        include=directory.include if directory else "",
        exclude=directory.exclude if directory else "",
        name=source.name,
        any_extension=bool(directory and directory.disable_extension_filter),
        directory=directory is not None,
        helm=source.helm,
        kustomize=source.kustomize,
        jsonnet=directory.jsonnet if directory else None,
        plugin=source.plugin,
        chart=source.chart,
        ref=source.ref,
        only_referenced=bool(source.ref) and not source.path and not source.chart,
        tag_prefix=source.tag_prefix,
    )


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
    """Undo on the tip of a branch what changed under `path`, and under those in `also`, between two revisions.

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
    also: tuple[str, ...] = ()  # what the application reads elsewhere in the repository: bases, value files


class Reverted(msgspec.Struct, frozen=True):
    """The commit that was pushed."""

    sha: str
    branch: str
    reverted: tuple[CommitInfo, ...]  # newest first
    conflicts: tuple[str, ...] = ()  # paths with conflict markers; never pushed to the tracked branch
    link: str = ""  # where a person opens the pull request, when the forge is known


def place_of(url: str) -> str:
    """What the URLs of one repository have in common: `https://git.example/a/b.git` → `git.example/a/b`.

    Protocol, user, port, letter case and `.git` make no other repository, nor do the hosts `ssh.` and `altssh.` at
    which forges offer SSH on the port of HTTPS. Source: Argo CD, GetWebURLRegex.
    """
    text = url.strip().lower()
    scheme, separator, rest = text.partition("://")
    if separator:
        text = rest if scheme != "file" else f"/{rest.lstrip('/')}"
        host, slash, path = text.partition("/")
        text = f"{_host(host, ssh='ssh' in scheme)}{slash}{path}"
    elif ":" in text.partition("/")[0]:  # user@host:path, as SSH writes it
        host, _, path = text.partition(":")
        text = f"{_host(host, ssh=True)}/{path.lstrip('/')}"
    return text.rstrip("/").removesuffix(".git")


def _host(authority: str, *, ssh: bool) -> str:
    """A host without user and port. A user that begins with a dash is an option for somebody's program: it stays."""
    if authority.startswith("-"):
        return authority
    host = _PORT.sub("", authority.rpartition("@")[2])
    return _SSH_HOST.sub("", host) if ssh else host
