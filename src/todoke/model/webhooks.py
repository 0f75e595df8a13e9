"""What forges tell of pushes, and the secrets by which they sign it."""

import base64
from collections.abc import Mapping

import msgspec

from todoke.model.credentials import SecretText

SECRET_NAMES = ("argocd-secret", "todoke-secret")
"""Secrets of the control namespace that may hold webhook secrets; one in either of them is enough."""

Keys = Mapping[str, SecretText]
"""The webhook secrets in one Secret, by their keys: `webhook.github.secret` and the like."""

_PREFIX = "webhook."


class Push(msgspec.Struct, frozen=True):
    """One ref of one repository that moved.

    Attributes:
        urls: all by which the event names the repository.
        ref: full name; "" when it is not told.
        revision: the commit it is at now; "" when the ref is gone, or it is not told.
        before: the commit it was at; "" when the ref is new, or it is not told.
        changed: all files that differ between the two, from the repository's root; None when that is not known.
        default_branch: short name; "" when it is not told.
    """

    urls: tuple[str, ...]
    ref: str = ""
    revision: str = ""
    before: str = ""
    changed: tuple[str, ...] | None = None
    default_branch: str = ""


class Event(msgspec.Struct, frozen=True):
    """One request of a forge. Without pushes there is nothing to do: it was a ping, or moved no ref."""

    provider: str
    pushes: tuple[Push, ...] = ()
    signed: bool = False  # whether a secret was set, and the event bore it


class Refused(Exception):
    """An event that is not acted on. The text is for who sent it, and holds no secret."""

    def __init__(self, provider: str, text: str) -> None:
        super().__init__(text)
        self.provider = provider


class NotUnderstood(Refused):
    """The event is none that we know, or its body is not what such an event bears."""


class NotSigned(Refused):
    """A secret is set, and the event is not signed with it."""


def keys_of(data: Mapping[str, str]) -> dict[str, SecretText]:
    """The webhook secrets in a Secret's base64 `data`.

    A line end after a secret is an editor's and no part of it. An empty secret is none.
    """
    found = {
        key: base64.b64decode(value).decode("utf-8", "surrogateescape").strip("\r\n")
        for key, value in data.items()
        if key.startswith(_PREFIX)
    }
    return {key: SecretText(text) for key, text in found.items() if text}
