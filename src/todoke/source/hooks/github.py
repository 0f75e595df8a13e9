"""GitHub, and Gogs with Gitea and Forgejo, which tell of pushes in GitHub's words.

Sources: GitHub, "Webhook events and payloads", push and ping; Gitea, "Webhooks"; Gogs, "Webhooks".
"""

import msgspec

from todoke.model.webhooks import NotUnderstood, Push
from todoke.source.hooks.payload import Commit, changed_files, commit_of, decoded, named

_MOST_COMMITS = 2048  # GitHub leaves out what is more


class _Repository(msgspec.Struct):
    html_url: str | None = None
    clone_url: str | None = None
    ssh_url: str | None = None
    default_branch: str | None = None


class _Push(msgspec.Struct):
    ref: str = ""
    before: str = ""
    after: str = ""
    forced: bool | None = None
    commits: list[Commit] | None = None
    total_commits: int | None = None
    repository: _Repository = msgspec.field(default_factory=_Repository)


class _Created(msgspec.Struct):
    """A branch or tag that was made or deleted: Gogs tells of tags in no other way."""

    ref: str = ""
    ref_type: str = ""
    repository: _Repository = msgspec.field(default_factory=_Repository)


def github(event: str, body: bytes) -> tuple[Push, ...]:
    """The pushes in an event of GitHub. Raises: NotUnderstood."""
    if event == "ping":
        return ()
    if event != "push":
        raise NotUnderstood("github", f"X-GitHub-Event is {event[:40]!r}: push and ping are understood")
    found = decoded("github", body, _Push)
    whole = not found.forced and len(found.commits or ()) < _MOST_COMMITS  # a forced push also takes commits away
    return (_push("github", found, whole=whole),)


def gogs(event: str, body: bytes) -> tuple[Push, ...]:
    """The pushes in an event of Gogs, Gitea or Forgejo. Raises: NotUnderstood."""
    if event in ("create", "delete"):
        made = decoded("gogs", body, _Created)
        ref = (
            made.ref
            if made.ref.startswith("refs/")
            else f"refs/{'tags' if made.ref_type == 'tag' else 'heads'}/{made.ref}"
        )
        return (Push(_urls("gogs", made.repository), ref, default_branch=made.repository.default_branch or ""),)
    if event != "push":
        raise NotUnderstood("gogs", f"the event is {event[:40]!r}: push, create and delete are understood")
    found = decoded("gogs", body, _Push)
    # Five commits are listed by default, and Gogs does not say of how many.
    return (_push("gogs", found, whole=found.total_commits == len(found.commits or ())),)


def _push(provider: str, found: _Push, *, whole: bool) -> Push:
    after, before = commit_of(found.after), commit_of(found.before)
    return Push(
        _urls(provider, found.repository),
        found.ref,
        after,
        before,
        changed_files(found.commits, after) if whole and before else None,
        found.repository.default_branch or "",
    )


def _urls(provider: str, repository: _Repository) -> tuple[str, ...]:
    return named(provider, (repository.html_url, repository.clone_url, repository.ssh_url))
