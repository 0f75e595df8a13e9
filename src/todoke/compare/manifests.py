"""What differs between two renderings of one application, object by object, for people to read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec

from todoke.model.objects import Manifest, ObjectKey
from todoke.model.reviews import ObjectChange

Body = dict[str, Any]

_NOISE: Final = {
    "labels": re.compile(r"(helm\.sh/chart|chart|app\.kubernetes\.io/version)\Z"),
    "annotations": re.compile(r"(.*/)?checksum(/.*|-.*)?\Z"),
}
"""Metadata that changes with every chart version or configuration, and says nothing beside what it follows from."""
_TEMPLATES: Final = ((), ("spec", "template"), ("spec", "jobTemplate"), ("spec", "jobTemplate", "spec", "template"))
_HASHED: Final = re.compile(r"-[bcdfghkmt2456789]{10}\Z")
"""The suffix that Kustomize gives generated objects. Source: kustomize, api/hasher."""
_MASK: Final = "++++++++"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_ALIKE: Final = 0.75
_MOST_COMPARED: Final = 400  # pairs of objects that are looked at for a new name


def changes(old: Iterable[Manifest], new: Iterable[Manifest]) -> tuple[ObjectChange, ...]:
    """The objects that differ, by kind and name. One that only has another name now is one change, not two."""
    before, after = ({manifest.key: manifest for manifest in side} for side in (old, new))
    gone = [before[key] for key in before if key not in after]
    come = [after[key] for key in after if key not in before]
    found = [_changed(before[key], after[key]) for key in before if key in after and before[key].raw != after[key].raw]
    for one, other in _renamed(gone, come):
        gone.remove(one)
        come.remove(other)
        found.append(_changed(one, other))
    found += [ObjectChange("removed", each.key, old=shown(each.body)) for each in gone]
    found += [ObjectChange("added", each.key, new=shown(each.body)) for each in come]
    return tuple(sorted(found, key=lambda change: change.key))


def moved(away: ObjectChange, here: ObjectChange) -> ObjectChange:
    """An object that left one application and is in another now, as the other one shows it."""
    old, new, folded = _quiet(away.old or {}, here.new or {})
    return msgspec.structs.replace(here, action="moved here", old=old, new=new, folded=folded)


def shown(body: Body, other: Body | None = None) -> Body:
    """A body without the values of a Secret. Args: other: its other side; differing values get a longer mask."""
    if (body.get("apiVersion"), body.get("kind")) != ("v1", "Secret"):
        return body
    masked = dict(body)
    for field in ("data", "stringData"):
        values = body.get(field)
        if isinstance(values, dict):
            known = (other or {}).get(field) or {}
            masked[field] = {name: _mask(value, known.get(name, value)) for name, value in values.items()}
    metadata = body.get("metadata") or {}
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        masked["metadata"] = metadata | {"annotations": metadata["annotations"] | {_LAST_APPLIED: _MASK}}
    return masked


def _mask(value: Any, other: Any) -> str:
    return _MASK if value == other else _MASK + "++++"


def _changed(old: Manifest, new: Manifest) -> ObjectChange:
    one, other = old.body, new.body
    before = old.key if old.key != new.key else None
    first, second, folded = _quiet(shown(one), shown(other, one))
    return ObjectChange("changed", new.key, old=first, new=second, before=before, folded=folded)


def _quiet(old: Body, new: Body) -> tuple[Body, Body, tuple[str, ...]]:
    """Both sides, the new one with the old one's values where only noise differs, and the names of those fields."""
    folded: list[str] = []
    for path in _TEMPLATES:
        one, other = _metadata(old, path), _metadata(new, path)
        for field, pattern in _NOISE.items():
            had, has = one.get(field) or {}, other.get(field) or {}
            if not isinstance(had, dict) or not isinstance(has, dict):
                continue
            for name in sorted({name for name in had.keys() | has.keys() if pattern.match(name)}):
                if had.get(name) != has.get(name):
                    folded.append(f"{field.removesuffix('s')} {name}")
                    new = _with(new, (*path, "metadata", field), name, had.get(name))
    return old, new, tuple(dict.fromkeys(folded))


def _metadata(body: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    value: Any = body
    for name in (*path, "metadata"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _with(body: Body, path: tuple[str, ...], name: str, value: Any) -> Body:
    """A copy with one field set, or taken out for None."""
    copy = dict(body)
    if path:
        inner = copy.get(path[0])
        copy[path[0]] = _with(inner if isinstance(inner, dict) else {}, path[1:], name, value)
    elif value is None:
        copy.pop(name, None)
    else:
        copy[name] = value
    return copy


def _renamed(gone: Sequence[Manifest], come: Sequence[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Pairs of one object under an old and a new name: equal but for a hash at the end, or alike enough."""
    left = list(come)
    for one in gone:
        same = [other for other in left if _stem(one.key) == _stem(other.key)]
        if same:
            left.remove(same[0])
            yield one, same[0]
    paired = {id(other) for other in come} - {id(other) for other in left}
    rest = [other for other in come if id(other) not in paired]
    alone = [one for one in gone if not any(_stem(one.key) == _stem(other.key) for other in come)]
    if len(alone) * len(rest) > _MOST_COMPARED:
        return
    for one in alone:
        alike = [(_alike(one, other), other.key, other) for other in rest if _kind(one.key) == _kind(other.key)]
        best = max(alike, default=None)
        if best is not None and best[0] >= _ALIKE:
            rest.remove(best[2])
            yield one, best[2]


def _stem(key: ObjectKey) -> tuple[str, str, str, str]:
    return key.group, key.kind, key.namespace, _HASHED.sub("", key.name)


def _kind(key: ObjectKey) -> tuple[str, str]:
    return key.group, key.kind


def _alike(one: Manifest, other: Manifest) -> float:
    """How much of two objects is equal, 0 to 1, by their lines."""
    first, second = (_lines(manifest.body) for manifest in (one, other))
    return SequenceMatcher(None, first, second, autojunk=False).ratio() if first and second else 0.0


def _lines(body: Body) -> list[str]:
    """What an object says, without its name."""
    content = {name: value for name, value in body.items() if name not in ("apiVersion", "kind", "metadata")}
    return [*_leaves(content, "")]


def _leaves(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _leaves(value[name], f"{at}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, f"{at}[]")
    else:
        yield f"{at}={value}"
