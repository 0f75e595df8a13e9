"""What holds of every apply and update, shown on the cases of the contract, and rules that the contract cannot show."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.sandbox.conftest import GROUP, Json, definitions, place
from todoke_sandbox.fields.comparing import compare
from todoke_sandbox.fields.conflicts import ApplyConflict
from todoke_sandbox.fields.field_set import ordered
from todoke_sandbox.fields.merging import extract, merge, remove
from todoke_sandbox.fields.ownership import BadApply, Writer, apply, keep_times, update
from todoke_sandbox.fields.typed import set_of
from todoke_sandbox.fields.writes import apply_patch, create, replace
from todoke_sandbox.patches.merge_patch import merge_patch
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.schema.node import Node, build

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def settings(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


@pytest.fixture
def config_map(schemas: Schemas) -> Kind:
    found = schemas.kind("", "v1", "ConfigMap")
    assert found is not None
    return found


@cases(Path(__file__).parent / "cases" / "contract")
def test_every_write_leaves_its_arguments_alone(case: Json, known: Schemas) -> None:
    """And the same apply changes nothing in the end, and entries come in the server's order."""
    kind = place(known, case["kind"], "x").kind
    live: Json | None = None
    for step in case["steps"]:
        if step.get("sub") == "scale" or step.get("version"):
            return
        given = copy.deepcopy(step)
        live = _written(kind, live, step)
        assert step == given
        if live is not None:
            for entry in live["metadata"].get("managedFields") or []:
                assert list(_flat(entry["fieldsV1"])) == list(_flat(ordered(entry["fieldsV1"])))


def _written(kind: Kind, live: Json | None, step: Json) -> Json | None:
    by = Writer(step.get("by", "m1"), NOW, step.get("sub", ""), step.get("force", False))
    identity = {"apiVersion": kind.api_version, "kind": kind.name}
    kept = copy.deepcopy(live)
    try:
        if body := step.get("apply"):
            whole = identity | body | {"metadata": {"name": "x"} | (body.get("metadata") or {})}
            made = apply_patch(kind, live, whole, by)
            settled = apply_patch(kind, made, whole, by)  # an emptied map is null first, as with the real server
            assert apply_patch(kind, settled, whole, by) == settled
        elif body := step.get("create"):
            made = create(kind, identity | body, by)
        elif live is not None and (body := step.get("put") or step.get("merge")):
            made = replace(kind, live, merge_patch(live, body) if "merge" in step else identity | body, by)
        else:
            return live
    except (ApplyConflict, ValueError):
        return live
    assert live == kept
    return made


def _flat(fields: Json) -> Any:
    for element, below in fields.items():
        yield element
        yield from _flat(below)


def test_an_apply_that_changes_nothing_is_the_live_object(config_map: Kind) -> None:
    live = apply(config_map, None, settings(a="1"), Writer("m1", NOW))
    assert apply(config_map, live, settings(a="1"), Writer("m1", LATER)) == live


def test_whoever_joins_without_a_change_has_no_time(config_map: Kind) -> None:
    live = apply(config_map, None, settings(a="1"), Writer("m1", NOW))
    shared = apply(config_map, live, settings(a="1"), Writer("m2", LATER))
    assert [(e["manager"], e.get("time")) for e in shared["metadata"]["managedFields"]] == [
        ("m2", None),
        ("m1", "2026-01-01T00:00:00Z"),
    ]


def test_a_conflict_says_who_and_where(config_map: Kind) -> None:
    live = update(config_map, None, settings(color="red", size="1"), Writer("kubectl-client-side-apply", NOW))
    with pytest.raises(ApplyConflict) as one:
        apply(config_map, live, settings(color="blue"), Writer("m1", NOW))
    assert str(one.value) == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.color'
    )
    with pytest.raises(ApplyConflict) as two:
        apply(config_map, live, settings(color="blue", size="2"), Writer("m1", NOW))
    assert str(two.value) == (
        'Apply failed with 2 conflicts: conflicts with "kubectl-client-side-apply" using v1:\n'
        "- .data.color\n- .data.size"
    )
    assert two.value.causes()[0] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl-client-side-apply" using v1',
        "field": ".data.color",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        ({"apiVersion": "apps/v1"}, "invalid object type: apps/v1, Kind=ConfigMap"),
        ({"metadata": {"name": "x", "managedFields": []}}, "metadata.managedFields must be nil"),
    ],
)
def test_requests_that_are_refused_as_such(config_map: Kind, change: Json, message: str) -> None:
    with pytest.raises(BadApply, match=message) as refused:
        apply(config_map, None, settings() | change, Writer("m1", NOW))
    assert refused.value.bad_request


def test_times_alone_are_no_change(config_map: Kind) -> None:
    old = update(config_map, None, settings(a="1"), Writer("u1", NOW))
    new = update(config_map, None, settings(a="1"), Writer("u1", LATER))
    assert old != new
    assert keep_times(old, new) == old
    other = update(config_map, None, settings(a="2"), Writer("u1", LATER))
    assert keep_times(old, other) is other


def test_an_object_nobody_tracks_stays_so_until_the_first_apply(config_map: Kind) -> None:
    live = settings(a="1")
    updated = update(config_map, live, settings(a="2"), Writer("u1", NOW))
    assert "managedFields" not in updated["metadata"]
    applied = apply(config_map, updated, settings(a="2"), Writer("m1", NOW))
    assert [e["manager"] for e in applied["metadata"]["managedFields"]] == ["m1", "before-first-apply"]


def keyed() -> Node:
    item = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "a": {"type": "string"}, "b": {"type": "string"}},
    }
    keys = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    items = {"type": "array", "items": item, **keys}
    return build({"type": "object", "properties": {"items": items}}, lambda _: None)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ("abcd", "dcba", "dcba"),
        ("abcd", "dxb", "acdxb"),
        ("abcd", "ycaz", "bycdaz"),
        ("ycdxbaz", "dcba", "ydxzcba"),
        ("abc", "xay", "xabcy"),
        ("abc", "xyz", "abcxyz"),
        ("abcdef", "fxaycz", "bdefxaycz"),
        ("abcde", "xcyaz", "bxcdeyaz"),
        ("", "ab", "ab"),
        ("ab", "", "ab"),
    ],
)
def test_the_order_of_merged_lists(old: str, new: str, merged: str) -> None:
    """Seen on a real server."""
    node = build({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}, lambda _: None)  # type: ignore[arg-type,return-value]
    assert "".join(merge(node, list(old), list(new))) == merged


def test_parts_that_do_not_change_are_shared() -> None:
    node = keyed()
    old = {"items": [{"name": "x", "a": "1"}, {"name": "y", "a": "1"}]}
    assert merge(node, old, {"items": [{"name": "y", "a": "1"}]}) is old
    merged = merge(node, old, {"items": [{"name": "y", "b": "2"}]})
    assert merged["items"][0] is old["items"][0]
    assert merged["items"][1] == {"name": "y", "a": "1", "b": "2"}


def test_taking_out_and_picking_out() -> None:
    node = keyed()
    value = {"items": [{"name": "x", "a": "1", "b": "2"}, {"name": "y"}]}
    fields = set_of(node, {"items": [{"name": "x", "a": "1"}]})
    del fields["f:items"]['k:{"name":"x"}']["."]
    assert remove(node, value, fields) == {"items": [{"b": "2"}, {"name": "y"}]}
    assert extract(node, value, fields) == {"items": [{"name": "x", "a": "1"}]}
    assert extract(node, value, {}) is None


def test_changes_of_lists_are_by_item() -> None:
    changes = compare(
        keyed(), {"items": [{"name": "x", "a": "1"}, {"name": "z"}]}, {"items": [{"name": "y"}, {"name": "x"}]}
    )
    assert changes.added == {"f:items": {'k:{"name":"y"}': {".": {}, "f:name": {}}}}
    assert changes.removed == {"f:items": {'k:{"name":"x"}': {"f:a": {}}, 'k:{"name":"z"}': {".": {}, "f:name": {}}}}
    assert changes.modified == {}


def test_true_is_not_one(known: Schemas) -> None:
    for definition in definitions():
        known.add_definition(definition)
    loose = known.kind(GROUP, "v1", "Loose")
    assert loose is not None
    assert compare(loose.node, {"spec": {"a": 1}}, {"spec": {"a": True}}).modified == {"f:spec": {"f:a": {}}}
    assert compare(loose.node, {"spec": {"a": 1}}, {"spec": {"a": 1.0}}).nothing
