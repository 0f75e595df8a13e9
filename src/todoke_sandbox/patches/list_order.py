"""The order of a merged list: what the patch orders stands in its order, the rest where the server had it."""

from __future__ import annotations

from typing import Any


def in_server_order(merged: list[Any], order: list[Any], before: list[Any], key: str) -> list[Any]:
    """The merged items anew.

    Two of them keep the server's order when it knows both; else what the patch orders comes first.

    Args:
        order: items, or only their keys, in the patch's order.
        before: the server's list.
        key: that identifies items; empty for plain values.
    """
    places = {_mark(item, key): place for place, item in reversed(list(enumerate(order)))}
    server = {_mark(item, key): place for place, item in reversed(list(enumerate(before)))}
    ordered = sorted((item for item in merged if _mark(item, key) in places), key=lambda item: places[_mark(item, key)])
    others = sorted(
        (item for item in merged if _mark(item, key) not in places), key=lambda item: server[_mark(item, key)]
    )
    result = []
    left = right = 0
    while left < len(others) or right < len(ordered):
        if right == len(ordered) or (left < len(others) and _is_before(others[left], ordered[right], server, key)):
            result.append(others[left])
            left += 1
        else:
            result.append(ordered[right])
            right += 1
    return result


def _is_before(first: Any, second: Any, server: dict[Any, int], key: str) -> bool:
    mine, others = server.get(_mark(first, key)), server.get(_mark(second, key))
    return mine is not None and others is not None and mine < others


def _mark(item: Any, key: str) -> Any:
    return item.get(key) if key else item
