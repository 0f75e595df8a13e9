"""Bitbucket Cloud and Bitbucket Server (Data Center). Neither lists the files of a push.

Sources: Atlassian, "Event payloads", repo:push; "Event payload", repo:refs_changed and diagnostics:ping.
"""

import msgspec

from todoke.model.webhooks import NotUnderstood, Push
from todoke.source.hooks.payload import commit_of, decoded, named


class _Link(msgspec.Struct):
    href: str | None = None


class _CloudLinks(msgspec.Struct):
    html: _Link = msgspec.field(default_factory=_Link)


class _Branch(msgspec.Struct):
    name: str | None = None


class _CloudRepository(msgspec.Struct):
    links: _CloudLinks = msgspec.field(default_factory=_CloudLinks)
    mainbranch: _Branch | None = None


class _Target(msgspec.Struct):
    hash: str | None = None


class _CloudRef(msgspec.Struct):
    name: str = ""
    type: str = "branch"
    target: _Target | None = None


class _CloudChange(msgspec.Struct):
    new: _CloudRef | None = None
    old: _CloudRef | None = None


class _CloudChanges(msgspec.Struct):
    changes: list[_CloudChange] = []


class _CloudPush(msgspec.Struct):
    push: _CloudChanges = msgspec.field(default_factory=_CloudChanges)
    repository: _CloudRepository = msgspec.field(default_factory=_CloudRepository)


def bitbucket(event: str, body: bytes) -> tuple[Push, ...]:
    """The pushes in an event of Bitbucket Cloud. Raises: NotUnderstood."""
    if event != "repo:push":
        raise NotUnderstood("bitbucket", f"X-Event-Key is {event[:40]!r}: repo:push is understood")
    found = decoded("bitbucket", body, _CloudPush)
    main = found.repository.mainbranch
    urls = named("bitbucket", (found.repository.links.html.href,))
    return tuple(
        Push(urls, _ref(kept), _hash(change.new), _hash(change.old), None, (main and main.name) or "")
        for change in found.push.changes
        if (kept := change.new or change.old) is not None
    )


def _ref(ref: _CloudRef) -> str:
    kind = "tags" if ref.type in ("tag", "annotated_tag") else "heads"
    return f"refs/{kind}/{ref.name}"


def _hash(ref: _CloudRef | None) -> str:
    return commit_of(ref.target.hash) if ref is not None and ref.target is not None else ""


class _ServerLinks(msgspec.Struct):
    clone: list[_Link] = []


class _ServerRepository(msgspec.Struct):
    links: _ServerLinks = msgspec.field(default_factory=_ServerLinks)


class _ServerRef(msgspec.Struct):
    id: str = ""


class _ServerChange(msgspec.Struct, rename="camel"):
    ref: _ServerRef = msgspec.field(default_factory=_ServerRef)
    from_hash: str | None = None
    to_hash: str | None = None


class _ServerPush(msgspec.Struct):
    changes: list[_ServerChange] = []
    repository: _ServerRepository = msgspec.field(default_factory=_ServerRepository)


def bitbucket_server(event: str, body: bytes) -> tuple[Push, ...]:
    """The pushes in an event of Bitbucket Server. Raises: NotUnderstood."""
    if event == "diagnostics:ping":
        return ()
    if event != "repo:refs_changed":
        understood = "repo:refs_changed and diagnostics:ping are understood"
        raise NotUnderstood("bitbucketserver", f"X-Event-Key is {event[:40]!r}: {understood}")
    found = decoded("bitbucketserver", body, _ServerPush)
    urls = named("bitbucketserver", (link.href for link in found.repository.links.clone))
    return tuple(
        Push(urls, change.ref.id, commit_of(change.to_hash), commit_of(change.from_hash)) for change in found.changes
    )
