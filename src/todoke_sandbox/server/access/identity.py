"""Who a request comes from, by its headers.

Source: Kubernetes documentation, "Authenticating", "User impersonation".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from todoke_sandbox.server.access.authorize import (
    ACCOUNT_PREFIX,
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    Asked,
    User,
)
from todoke_sandbox.server.access.tokens import BadToken, Tokens
from todoke_sandbox.verbs.refusals import Refusal

NOBODY: Final = User(ANONYMOUS, (UNAUTHENTICATED,))
_EXTRA: Final = "impersonate-extra-"
Headers = Mapping[str, Sequence[str]]


def authenticated(headers: Headers, tokens: Tokens) -> User:
    """Who sent the request; the anonymous user when it bears no token.

    Raises: Refusal: 401, the token is not good.
    """
    scheme, _, token = (headers.get("authorization") or ("",))[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return NOBODY
    try:
        return tokens.user(token.strip())
    except BadToken as error:
        raise Refusal(401, "Unauthorized", "Unauthorized") from error


def impersonated(headers: Headers) -> User | None:
    """Whom the sender wants to be; None for themselves.

    Raises: Refusal: 400, groups or facts but no user.
    """
    if not any(name.startswith("impersonate-") for name in headers):
        return None
    name = (headers.get("impersonate-user") or ("",))[0]
    groups = tuple(headers.get("impersonate-group") or ())
    uid = (headers.get("impersonate-uid") or ("",))[0]
    extra = {
        unquote(header.removeprefix(_EXTRA)): tuple(values)
        for header, values in headers.items()
        if header.startswith(_EXTRA)
    }
    if not name:
        if not (groups or uid or extra):
            return None
        raise Refusal.bad_request("requested groups, uid or extra without impersonating a user name")
    if name.startswith(ACCOUNT_PREFIX) and not groups:
        namespace = name.split(":")[2]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    if name != ANONYMOUS and AUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    return User(name, groups, uid, extra)


def impersonation_asked(user: User) -> list[Asked]:
    """What somebody needs the right to before they may be this user."""
    if user.name.startswith(ACCOUNT_PREFIX):
        _, _, namespace, name = user.name.split(":", 3)
        asked = [Asked("impersonate", "", "serviceaccounts", "", namespace, name)]
    else:
        asked = [Asked("impersonate", "", "users", name=user.name)]
    given = [group for group in user.groups if group != AUTHENTICATED]
    if not user.name.startswith(ACCOUNT_PREFIX):
        asked += [Asked("impersonate", "", "groups", name=group) for group in given]
    group = "authentication.k8s.io"
    if user.uid:
        asked.append(Asked("impersonate", group, "uids", name=user.uid))
    for key, values in user.extra.items():
        asked += [Asked("impersonate", group, "userextras", key, name=value) for value in values]
    return asked
