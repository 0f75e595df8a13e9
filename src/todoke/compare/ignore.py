"""Fields that a user told us to leave out of the comparison: `spec.ignoreDifferences`.

Source: Argo CD, "Diffing customization": the field is taken out of both sides before they are compared.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from todoke.compare.fields import entries, leaves, pick
from todoke.model.deliverables import IgnoredFields
from todoke.model.globs import glob_match
from todoke.model.objects import ObjectKey


def rules_for(key: ObjectKey, rules: Iterable[IgnoredFields]) -> tuple[IgnoredFields, ...]:
    """The rules that are about this object."""
    return tuple(
        rule
        for rule in rules
        if glob_match(rule.group, key.group)
        and glob_match(rule.kind or "*", key.kind)
        and rule.name in ("", key.name)
        and rule.namespace in ("", key.namespace)
    )


def strip(sides: Iterable[dict[str, Any]], rules: Iterable[IgnoredFields], live: Mapping[str, Any]) -> None:
    """Take what the rules name out of each side, in place; fields of named managers are read from `live`."""
    sides = tuple(sides)
    for rule in rules:
        for pointer in rule.pointers:
            for side in sides:
                _remove(side, _tokens(pointer))
        for entry in entries(live) if rule.managers else ():
            if entry.get("manager") in rule.managers:
                for path in leaves(entry.get("fieldsV1") or {}):
                    for side in sides:
                        _remove_element(side, path)


def keep_live_values(desired: dict[str, Any], rules: Iterable[IgnoredFields], live: Mapping[str, Any]) -> None:
    """Put the live value of every ignored field into the manifest, in place (RespectIgnoreDifferences=true)."""
    for rule in rules:
        for pointer in rule.pointers:
            if pointer.split("/")[1:2] != ["status"]:
                _copy(desired, live, _tokens(pointer))


def _tokens(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _step(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return value.get(token)
    if isinstance(value, list) and token.isdecimal() and int(token) < len(value):
        return value[int(token)]
    return None


def _remove(body: Any, tokens: list[str]) -> None:
    if not tokens:
        return
    for token in tokens[:-1]:
        body = _step(body, token)
    last = tokens[-1]
    if isinstance(body, dict):
        body.pop(last, None)
    elif isinstance(body, list) and last.isdecimal() and int(last) < len(body):
        del body[int(last)]


def _remove_element(body: Any, path: tuple[str, ...]) -> None:
    for element in path[:-1]:
        body = pick(body, element)
    if isinstance(body, dict) and path[-1].startswith("f:"):
        body.pop(path[-1][2:], None)
    elif isinstance(body, list):
        item = pick(body, path[-1])
        if item in body:
            body.remove(item)


def _copy(desired: Any, live: Any, tokens: list[str]) -> None:
    if not tokens:
        return
    for token in tokens[:-1]:
        live = _step(live, token)
        inner = _step(desired, token)
        if inner is None and isinstance(desired, dict) and isinstance(live, dict):
            inner = desired[token] = {}
        desired = inner
    value = _step(live, tokens[-1])
    if isinstance(desired, dict):
        if value is None:
            desired.pop(tokens[-1], None)
        else:
            desired[tokens[-1]] = value
    elif isinstance(desired, list) and value is not None and tokens[-1].isdecimal() and int(tokens[-1]) < len(desired):
        desired[int(tokens[-1])] = value
