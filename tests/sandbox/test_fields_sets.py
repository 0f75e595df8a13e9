"""Sets of fields against plain sets of paths, and the order and spelling of fieldsV1."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from todoke_sandbox.fields.field_set import (
    difference,
    from_fields_v1,
    has,
    intersection,
    of_paths,
    ordered,
    paths,
    union,
    without_below,
)
from todoke_sandbox.fields.path_elements import Path, item_element, text
from todoke_sandbox.schema.node import build

some_paths = st.sets(
    st.lists(st.sampled_from(["f:a", "f:b", 'k:{"n":1}']), min_size=1, max_size=4).map(tuple), max_size=8
)


@settings(max_examples=200, deadline=None)
@given(some_paths, some_paths)
def test_sets_are_sets_of_paths(first: set[Path], second: set[Path]) -> None:
    left, right = of_paths(first), of_paths(second)
    assert set(paths(left)) == first
    assert set(paths(union(left, right))) == first | second
    assert set(paths(difference(left, right))) == first - second
    assert set(paths(intersection(left, right))) == first & second
    below = {path for path in first if not any(path[: len(other)] == other for other in second)}
    assert set(paths(without_below(left, right))) == below
    assert all(has(left, path) == (path in first) for path in first | second)


@settings(max_examples=100, deadline=None)
@given(some_paths, some_paths)
def test_results_are_in_one_form(first: set[Path], second: set[Path]) -> None:
    left, right = of_paths(first), of_paths(second)
    assert union(left, right) == union(right, left)
    assert intersection(left, right) == intersection(right, left)
    assert union(difference(left, right), intersection(left, right)) == left
    assert from_fields_v1(json.loads(json.dumps(ordered(left)))) == left


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (["f:b", ".", "f:a", "f:B"], [".", "f:B", "f:a", "f:b"]),
        (['k:{"port":443}', 'k:{"port":80}'], ['k:{"port":80}', 'k:{"port":443}']),
        (['k:{"p":80,"q":"UDP"}', 'k:{"p":80,"q":"TCP"}'], ['k:{"p":80,"q":"TCP"}', 'k:{"p":80,"q":"UDP"}']),
        (["v:100", "v:9", 'v:"a"', "v:10"], ["v:9", "v:10", "v:100", 'v:"a"']),
        (["i:10", "i:9"], ["i:9", "i:10"]),
        (['k:{"n":true}', "f:z", 'k:{"n":"x"}'], ["f:z", 'k:{"n":"x"}', 'k:{"n":true}']),
    ],
)
def test_elements_in_the_servers_order(elements: list[str], expected: list[str]) -> None:
    assert list(ordered({element: {} for element in elements})) == expected


def test_paths_as_messages_spell_them() -> None:
    path = ("f:spec", "f:a.b/c", 'k:{"name":"x","port":80}', 'v:"y"', "i:3")
    assert text(path) == '.spec.a.b/c[name="x",port=80][="y"][3]'


def test_an_item_is_known_by_its_keys_and_their_defaults() -> None:
    item = {
        "type": "object",
        "properties": {"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}},
    }
    keys = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["protocol", "port"]}
    node = build({"type": "array", "items": item, **keys}, lambda _: None)  # type: ignore[arg-type,return-value]
    assert item_element(node, {"port": 80, "x": 1}) == 'k:{"port":80,"protocol":"TCP"}'
    assert item_element(node, {"protocol": "UDP"}) == 'k:{"protocol":"UDP"}'


@pytest.mark.parametrize("content", [[], {"x:a": {}}, {"f:a": 1}, {"f:a": {"q": {}}}])
def test_what_is_no_fields_v1(content: object) -> None:
    with pytest.raises(ValueError, match=r"fieldsV1|path element"):
        from_fields_v1(content)
