"""From a request to the pushes it tells of."""

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qs

import msgspec

from todoke.model.webhooks import Event, Keys, NotUnderstood, Push
from todoke.source.hooks.azure_devops import azure_devops
from todoke.source.hooks.bitbucket import bitbucket, bitbucket_server
from todoke.source.hooks.generic import generic
from todoke.source.hooks.github import github, gogs
from todoke.source.hooks.gitlab import gitlab
from todoke.source.hooks.signatures import check

_GENERIC = "x-todoke-event"
# Gogs, Gitea and Forgejo send GitHub's header too, so that they come first.
_EVENT_HEADERS = {
    "generic": (_GENERIC,),
    "azuredevops": ("x-vss-activityid",),
    "gogs": ("x-forgejo-event", "x-gitea-event", "x-gogs-event"),
    "github": ("x-github-event",),
    "gitlab": ("x-gitlab-event",),
}
_READERS: Mapping[str, Callable[[str, bytes], tuple[Push, ...]]] = {
    "generic": generic,
    "azuredevops": lambda _, body: azure_devops(body),
    "gogs": gogs,
    "github": github,
    "gitlab": gitlab,
    "bitbucket": bitbucket,
    "bitbucketserver": bitbucket_server,
}
_UNDERSTOOD = (
    "no header names an event that is understood: X-GitHub-Event, X-Gitlab-Event, X-Event-Key (Bitbucket), "
    "X-Gogs-Event, X-Gitea-Event, X-Forgejo-Event, X-Vss-Activityid (Azure DevOps) or X-Todoke-Event; "
    "or post to /api/webhook/generic"
)
_NEVER_SIGNED = (("bitbucketserver", "diagnostics:ping"),)  # by nobody, and it does nothing
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 10
_LONGEST_FORM = 8 * 1024 * 1024  # bytes; a form takes ten times as long to read as JSON
_MOST_REFS = 100


def receive(headers: Mapping[str, str], body: bytes, secrets: Iterable[Keys]) -> Event:
    """The event in a request, its signature checked. What an unsigned one says of files is not believed.

    Args: headers: in any letter case; `X-Todoke-Event` stands for our own form.
    Raises: NotUnderstood. NotSigned: a secret is set for this provider, and the event does not bear it.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    provider, name = _provider(lowered)
    if (provider, name) in _NEVER_SIGNED:
        return Event(provider)
    signed = check(provider, lowered, body, secrets)
    event = read_event(lowered, body)
    pushes = event.pushes if signed else tuple(msgspec.structs.replace(push, changed=None) for push in event.pushes)
    return Event(event.provider, pushes, signed)


def read_event(headers: Mapping[str, str], body: bytes) -> Event:
    """The event in a request, whoever sent it. Raises: NotUnderstood."""
    lowered = {name.lower(): value for name, value in headers.items()}
    provider, event = _provider(lowered)
    pushes = _READERS[provider](event, _json(provider, lowered, body))
    # One event is of one repository, and after so many refs anything may have moved.
    return Event(provider, pushes if len(pushes) <= _MOST_REFS else (Push(pushes[0].urls),))


def _provider(headers: Mapping[str, str]) -> tuple[str, str]:
    """Who sends an event, and the event's name."""
    for provider, names in _EVENT_HEADERS.items():
        for name in names:
            if name in headers:
                return provider, headers[name]
    key = headers.get("x-event-key")
    if key is None:
        raise NotUnderstood("unknown", _UNDERSTOOD)
    return ("bitbucket" if "x-hook-uuid" in headers or key == "repo:push" else "bitbucketserver"), key


def _json(provider: str, headers: Mapping[str, str], body: bytes) -> bytes:
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == _FORM and provider in ("github", "gogs"):
        return _payload(provider, body)
    if kind != "application/json" and not kind.endswith("+json"):
        raise NotUnderstood(provider, f"the content type is {kind[:60]!r}: send application/json")
    return body


def _payload(provider: str, form: bytes) -> bytes:
    """The JSON in a form's field `payload`."""
    if len(form) > _LONGEST_FORM:
        raise NotUnderstood(provider, "the form is larger than 8 MiB: send application/json")
    try:
        fields = parse_qs(form.decode("ascii"), max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise NotUnderstood(provider, "the form cannot be read: send application/json") from None
    return fields.get("payload", [""])[0].encode()
