"""Azure DevOps' service hooks. They do not list files. Source: Microsoft, "Service hooks events", git.push."""

import re

import msgspec

from todoke.model.webhooks import NotUnderstood, Push
from todoke.source.hooks.payload import commit_of, decoded, named

_CLOUD = re.compile(r"https://(?:[^/@]*@)?dev\.azure\.com/([^/]+)/([^/]+)/_git/([^/]+)", re.IGNORECASE)


class _Repository(msgspec.Struct, rename="camel"):
    remote_url: str | None = None
    default_branch: str | None = None


class _Update(msgspec.Struct, rename="camel"):
    name: str = ""
    old_object_id: str | None = None
    new_object_id: str | None = None


class _Resource(msgspec.Struct, rename="camel"):
    ref_updates: list[_Update] | None = None
    repository: _Repository = msgspec.field(default_factory=_Repository)


class _Event(msgspec.Struct, rename="camel"):
    event_type: str = ""


class _Push(msgspec.Struct):
    resource: _Resource = msgspec.field(default_factory=_Resource)


def azure_devops(body: bytes) -> tuple[Push, ...]:
    """The pushes in an event of Azure DevOps. Raises: NotUnderstood."""
    event = decoded("azuredevops", body, _Event).event_type
    if event != "git.push":
        raise NotUnderstood("azuredevops", f"eventType is {event[:40]!r}: git.push is understood")
    resource = decoded("azuredevops", body, _Push).resource
    if not resource.ref_updates:
        return ()
    https = resource.repository.remote_url or ""
    default = (resource.repository.default_branch or "").removeprefix("refs/heads/")
    urls = named("azuredevops", (https, _ssh(https)))
    return tuple(
        Push(urls, update.name, commit_of(update.new_object_id), commit_of(update.old_object_id), None, default)
        for update in resource.ref_updates
    )


def _ssh(https: str) -> str:
    """The SSH URL of a repository, which looks quite different here; "" for one that is not at dev.azure.com."""
    found = _CLOUD.fullmatch(https.rstrip("/"))
    return "git@ssh.dev.azure.com:v3/{}/{}/{}".format(*found.groups()) if found else ""
