"""Collections, page by page.

Source: Kubernetes API concepts, "Retrieving large results sets in chunks" and "Resource versions".
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

from todoke_sandbox.storage.store import Stored
from todoke_sandbox.verbs.house import House
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Listing, Place, Query
from todoke_sandbox.verbs.selectors import EVERYTHING

MOST_PAGES: Final = 64
"""How many unfinished listings are remembered; the oldest is forgotten first."""


_PAGE: Final = "page-"


class _Rest(NamedTuple):
    """What is left of a listing: the objects as they were when it began."""

    items: Sequence[Stored]
    version: int
    exact: bool


def page(house: House, place: Place, query: Query) -> Listing:
    """One page of a collection. Raises Refusal when its version is not kept or not there yet."""
    if query.continued:
        if not query.continued.startswith(_PAGE):
            raise Refusal.bad_request("continue key is not valid: it is none that this server has given out")
        rest = house.pages.get(query.continued)
        if rest is None:
            raise Refusal.expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new"
                " list without the continue parameter."
            )
    else:
        _check_version(house, query)
        found = list(_selected(house, place, query))
        rest = _Rest(found, house.store.version, not query.labels.tests and not query.fields.terms)
    if not query.limit or len(rest.items) <= query.limit:
        return Listing(rest.items, rest.version)
    token = _PAGE + secrets.token_urlsafe(24)
    left = rest.items[query.limit :]
    house.pages[token] = _Rest(left, rest.version, rest.exact)
    while len(house.pages) > MOST_PAGES:
        del house.pages[next(iter(house.pages))]
    return Listing(rest.items[: query.limit], rest.version, token, len(left) if rest.exact else None)


def _selected(house: House, place: Place, query: Query) -> list[Stored]:
    items = house.store.items(place.resource.table, place.namespace)
    names = [value for path, equal, value in query.fields.terms if equal and path == "metadata.name"]
    if names:
        items = (stored for stored in items if stored.name == names[0])
    if query.labels is EVERYTHING and not query.fields.terms:
        return list(items)
    return [stored for stored in items if matches(query, stored)]


def matches(query: Query, stored: Stored) -> bool:
    """Whether an object is among those a query selects."""
    return query.labels.matches(stored.body["metadata"].get("labels") or {}) and query.fields.matches(stored.body)


def _check_version(house: House, query: Query) -> None:
    if not query.version or query.version == "0":
        return
    asked = int(query.version)
    if asked > house.store.version:
        raise too_new(asked, house.store.version)
    if query.match == "Exact" and asked < house.store.version:
        raise Refusal.expired("The resourceVersion for the provided list is too old.")


def too_new(asked: int, current: int) -> Refusal:
    """The refusal of a version that the cluster has not reached."""
    message = f"Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return Refusal(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
