"""Who holds which field of a live object, and what has to change hands before an apply. Values in, values out.

Source of the rules: ARCHITECTURE.md, "Apply". Ownership that client-side appliers left moves to our entry, so that
what the manifest has no more goes away with the next apply instead of staying for ever.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.compare.drift import ABSENT, Difference
from todoke.compare.fields import (
    Fields,
    Path,
    entries,
    holds,
    leaves,
    only,
    our_entry,
    present,
    set_of,
    text,
    union,
    value_at,
    value_at_fields,
    without,
)
from todoke.model.tracking import MANAGER

ARGO = "argocd-controller"
HANDOVER = "todoke-handover"
_REPLICAS: Path = ("f:spec", "f:replicas")
_APPLIERS = frozenset({"kubectl-client-side-apply", "before-first-apply"})


class Taken(msgspec.Struct, frozen=True):
    """A field that our apply takes from another manager, or leaves with it."""

    at: str
    manager: str


class Hand(msgspec.Struct, frozen=True):
    """What changes hands: new managedFields to write first (None = nothing), and words for the plan."""

    managed_fields: tuple[dict[str, Any], ...] | None = None
    reasons: tuple[str, ...] = ()
    kept: tuple[Taken, ...] = ()  # fields gone from the manifest that stay with who holds them


def taken_from(live: Mapping[str, Any], differences: Iterable[Difference]) -> tuple[Taken, ...]:
    """For every differing field the other managers that hold it: force takes it from them."""
    others = [entry for entry in entries(live) if not _ours(entry)]
    return tuple(
        Taken(difference.at, str(entry.get("manager")))
        for difference in differences
        if difference.want is not ABSENT
        for entry in others
        if difference.path and holds(entry.get("fieldsV1") or {}, difference.path)
    )


def gone_paths(before: Mapping[str, Any] | None, desired: Mapping[str, Any], fields: Iterable[Fields]) -> list[Path]:
    """Paths of the last delivered manifest that the new one has no more, in the words of the live field sets."""
    if before is None:
        return []
    found = {path for held in fields for path in leaves(held) if present(before, path) and not present(desired, path)}
    return sorted(found)


def hand_over(
    live: Mapping[str, Any],
    desired: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    *,
    adopted: bool = False,
    scaled: bool = False,
) -> Hand:
    """Decide which entries of other managers become ours, and whether replicas are handed to an autoscaler.

    Args:
        before: the manifest delivered last, or None when there is none.
        adopted: the application was Argo CD's, so that `argocd-controller` is a former self of ours.
        scaled: an autoscaler targets this object.
    """
    managed = [dict(entry) for entry in entries(live)]
    ours = our_entry(live)
    held: Fields = (ours or {}).get("fieldsV1") or {}
    reasons: list[str] = []
    rest: list[dict[str, Any]] = []
    for entry in managed:
        if _ours(entry):
            continue
        if _former_self(entry, adopted) and not entry.get("subresource"):
            held = union(held, entry.get("fieldsV1") or {})
            reasons.append(f"takes over the fields of {entry.get('manager')}")
        else:
            rest.append(entry)
    kept: list[Taken] = []
    for path in gone_paths(before, desired, [entry.get("fieldsV1") or {} for entry in rest]):
        held, rest = _take_gone(path, held, rest, live, reasons, kept)
    if ours is None and before is not None:
        # Somebody wiped the record of who holds what: only our last manifest still knows what was ours.
        for path in gone_paths(before, desired, [set_of(before)]):
            if present(live, path) and not any(holds(entry.get("fieldsV1") or {}, path) for entry in rest):
                held = union(held, only(path))
                reasons.append(f"takes away {text(path)}")
    if scaled and not present(desired, _REPLICAS) and holds(held, _REPLICAS) and present(live, _REPLICAS):
        held = without(held, _REPLICAS)
        rest.append(_entry(HANDOVER, live, only(_REPLICAS)))
        reasons.append("hands .spec.replicas to its autoscaler")
    if not reasons:
        return Hand(kept=tuple(kept))
    return Hand((*rest, _entry(MANAGER, live, dict(held))), tuple(reasons), tuple(kept))


def left_behind(before: Mapping[str, Any], answer: Mapping[str, Any]) -> tuple[dict[str, Any], ...] | None:
    """managedFields that give us list items which a changed schema left without an owner; None when there are none.

    A list that was atomic belonged to us whole. Since its CRD says it is keyed, our apply owns the items it names,
    and those it does not name stay, held by nobody.
    """
    held = (our_entry(answer) or {}).get("fieldsV1") or {}
    taken = held
    for path in leaves((our_entry(before) or {}).get("fieldsV1") or {}):
        items = value_at(answer, path)
        keys = [json.loads(element[2:]) for element in value_at_fields(held, path) if element.startswith("k:")]
        if not keys or not isinstance(items, list):
            continue
        for item in items:
            if not isinstance(item, dict) or any(name not in item for name in keys[0]):
                continue
            element = "k:" + json.dumps({name: item[name] for name in keys[0]}, separators=(",", ":"))
            place = (*path, element)
            if not any(holds(entry.get("fieldsV1") or {}, place) for entry in entries(answer)):
                taken = union(taken, only(place))
    if taken is held:
        return None
    others = [dict(entry) for entry in entries(answer) if not _ours(entry)]
    return (*others, _entry(MANAGER, answer, dict(taken)))


def _take_gone(
    path: Path, held: Fields, rest: list[dict[str, Any]], live: Mapping[str, Any], reasons: list[str], kept: list[Taken]
) -> tuple[Fields, list[dict[str, Any]]]:
    holders = [entry for entry in rest if holds(entry.get("fieldsV1") or {}, path) and present(live, path)]
    at = text(path)
    if not holders:
        return held, rest
    if not all(_editor(entry) for entry in holders):
        kept.extend(Taken(at, str(entry.get("manager"))) for entry in holders if not _editor(entry))
        return held, rest
    reasons.append(f"takes {at} from {', '.join(sorted({str(entry.get('manager')) for entry in holders}))}")
    left = [
        entry | {"fieldsV1": without(entry.get("fieldsV1") or {}, path)} if entry in holders else entry
        for entry in rest
    ]
    return union(held, only(path)), [entry for entry in left if entry.get("fieldsV1")]


def _entry(manager: str, live: Mapping[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": live["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def _ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource")


def _former_self(entry: Mapping[str, Any], adopted: bool) -> bool:
    manager, update = entry.get("manager"), entry.get("operation") == "Update"
    return (manager in _APPLIERS and update) or (manager == MANAGER and update) or (adopted and manager == ARGO)


def _editor(entry: Mapping[str, Any]) -> bool:
    manager = str(entry.get("manager"))
    return manager.startswith("kubectl") or manager in _APPLIERS or manager == MANAGER
