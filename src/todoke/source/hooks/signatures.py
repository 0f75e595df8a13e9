"""Whether an event comes from who holds the secret. All comparisons take the same time for right and wrong.

Sources: GitHub, "Validating webhook deliveries"; GitLab, "Webhooks", secret token; Atlassian, "Manage webhooks";
Gitea, "Webhooks"; the keys are those of Argo CD, "Git Webhook Configuration".
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

from todoke.model.webhooks import Keys, NotSigned

_KEYS = {
    "github": ("webhook.github.secret",),
    "gitlab": ("webhook.gitlab.secret",),
    "bitbucket": ("webhook.bitbucket.uuid",),
    "bitbucketserver": ("webhook.bitbucketserver.secret",),
    "gogs": ("webhook.gogs.secret",),
    "azuredevops": ("webhook.azuredevops.username", "webhook.azuredevops.password"),
    "generic": ("webhook.generic.secret",),
}
_SIGNED = {
    "github": ("x-hub-signature-256",),
    "bitbucketserver": ("x-hub-signature",),
    "gogs": ("x-gitea-signature", "x-gogs-signature", "x-forgejo-signature"),
    "generic": ("x-todoke-signature-256",),
}
"""Headers that bear an HMAC by SHA-256 of the body, as hexadecimal digits."""
_BORNE = {"gitlab": "x-gitlab-token", "bitbucket": "x-hook-uuid"}
"""Headers that bear the secret itself."""
_REFERENCE = re.compile(r"\$[a-z0-9.-]+:[\w.-]+")
"""`$secret:key`, by which Argo CD points to another Secret. We do not follow it, and it is no secret itself."""


def check(provider: str, headers: Mapping[str, str], body: bytes, secrets: Iterable[Keys]) -> bool:
    """Whether the event is signed; False: no secret is set for this provider.

    Args: headers: by names in lower case. secrets: where several hold a secret for the provider, each of them is right.
    Raises: NotSigned: a secret is set, and the event does not bear it.
    """
    keys = _KEYS[provider]
    holders = [held for held in secrets if any(held.get(key) for key in keys)]
    if not holders:
        return False
    given = _given(provider, headers)
    # No early end: the time must not tell which of the secrets was nearly right.
    right = [_right(provider, [_usable(held, key) for key in keys], given, body) for held in holders]
    if not any(right):
        which = " and ".join(keys)
        raise NotSigned(
            provider,
            f"the event is not signed with {which} of Secret argocd-secret or todoke-secret in the control namespace. "
            "Give the forge the same secret; a reference to another Secret ($name:key) is not followed",
        )
    return True


def _usable(held: Keys, key: str) -> bytes | None:
    text = held[key].reveal() if key in held else ""
    return None if _REFERENCE.fullmatch(text) else text.encode("utf-8", "surrogateescape")


def _given(provider: str, headers: Mapping[str, str]) -> list[bytes]:
    """What the event bears as its proof: digests, or the secret itself."""
    names = _SIGNED.get(provider, ())
    found = [headers[name].strip().removeprefix("sha256=").lower() for name in names if headers.get(name)]
    if provider in _BORNE:
        found = [headers.get(_BORNE[provider], "")]
    return [text.encode("utf-8", "surrogateescape") for text in found] + _authorization(provider, headers)


def _authorization(provider: str, headers: Mapping[str, str]) -> list[bytes]:
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if provider == "azuredevops" and scheme.lower() == "basic":
        try:
            return [base64.b64decode(text.strip(), validate=True)]
        except (binascii.Error, ValueError):
            return []
    if provider == "generic" and scheme.lower() == "bearer":
        return [text.strip().encode("utf-8", "surrogateescape")]
    return []


def _right(provider: str, secrets: list[bytes | None], given: list[bytes], body: bytes) -> bool:
    usable = [secret for secret in secrets if secret is not None]
    if len(usable) < len(secrets):
        return False
    expected = [b":".join(usable)] if provider not in _SIGNED or provider == "generic" else []
    if provider in _SIGNED:
        expected.append(hmac.new(usable[0], body, hashlib.sha256).hexdigest().encode())
    return any([hmac.compare_digest(one, other) for one in expected for other in given])
