"""GitLab's hooks of projects and groups, and its system hooks. Source: GitLab, "Webhook events", "System hooks"."""

import msgspec

from todoke.model.webhooks import NotUnderstood, Push
from todoke.source.hooks.payload import Commit, changed_files, commit_of, decoded, named

_PUSHES = ("push", "tag_push")


class _Project(msgspec.Struct):
    web_url: str | None = None
    git_http_url: str | None = None
    git_ssh_url: str | None = None
    default_branch: str | None = None


class _Push(msgspec.Struct):
    object_kind: str | None = None
    event_name: str | None = None
    ref: str = ""
    before: str = ""
    after: str = ""
    checkout_sha: str | None = None
    commits: list[Commit] | None = None
    total_commits_count: int | None = None
    project: _Project = msgspec.field(default_factory=_Project)


class _Kind(msgspec.Struct):
    object_kind: str | None = None
    event_name: str | None = None


def gitlab(event: str, body: bytes) -> tuple[Push, ...]:
    """The pushes in an event of GitLab. Raises: NotUnderstood.

    A system hook also tells of users and projects, which nobody can turn off, and GitLab disables a hook that is
    refused again and again: so what is no push is taken as a ping there.
    """
    if event == "System Hook":
        kind = decoded("gitlab", body, _Kind)
        if (kind.object_kind or kind.event_name) not in _PUSHES:
            return ()
    elif event not in ("Push Hook", "Tag Push Hook"):
        understood = "Push Hook, Tag Push Hook and System Hook are understood"
        raise NotUnderstood("gitlab", f"X-Gitlab-Event is {event[:40]!r}: {understood}")
    found = decoded("gitlab", body, _Push)
    after, before = commit_of(found.after), commit_of(found.before)
    project = found.project
    whole = bool(before) and found.total_commits_count == len(found.commits or ())  # at most 20 are listed
    push = Push(
        named("gitlab", (project.web_url, project.git_http_url, project.git_ssh_url)),
        found.ref,
        (found.checkout_sha or after) if after else "",  # of an annotated tag, `after` is the tag's own object
        before,
        changed_files(found.commits, after) if whole else None,
        project.default_branch or "",
    )
    return (push,)
