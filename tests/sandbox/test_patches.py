"""The three patch types without a server; their answers on whole objects are in the contract cases."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from todoke_sandbox.patches.errors import REJECTED, PatchRefused
from todoke_sandbox.patches.json_patch import json_patch
from todoke_sandbox.patches.merge_patch import merge_patch
from todoke_sandbox.patches.strategic import strategic_merge_patch
from todoke_sandbox.schema.loader import Schemas

DOCUMENT: Any = {"a": {"b": "1", "l": ["x", "y"]}, "c/d": 1, "e~f": None}


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/a/l/-", "value": "z"}], {"a": {"b": "1", "l": ["x", "y", "z"]}}),
        ([{"op": "add", "path": "/a/l/0", "value": "z"}], {"a": {"b": "1", "l": ["z", "x", "y"]}}),
        ([{"op": "add", "path": "/a/l/2", "value": "z"}], {"a": {"b": "1", "l": ["x", "y", "z"]}}),
        ([{"op": "remove", "path": "/a/l/0"}], {"a": {"b": "1", "l": ["y"]}}),
        ([{"op": "remove", "path": "/a/l/-1"}], {"a": {"b": "1", "l": ["x"]}}),
        ([{"op": "replace", "path": "/a/new", "value": 1}], {"a": {"b": "1", "l": ["x", "y"], "new": 1}}),
        ([{"op": "replace", "path": "/c~1d", "value": 2}], {"c/d": 2}),
        ([{"op": "replace", "path": "/e~0f", "value": 2}], {"e~f": 2}),
        ([{"op": "move", "from": "/a/b", "path": "/b"}], {"a": {"l": ["x", "y"]}, "b": "1"}),
        ([{"op": "copy", "from": "/a/none", "path": "/b"}], {"b": None}),
        ([{"op": "test", "path": "/a/none", "value": None}], {}),
        ([{"op": "test", "path": "/c~1d", "value": 1.0}], {}),
        ([], {}),
    ],
)
def test_json_patch(operations: list[Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert json_patch(DOCUMENT, operations) == DOCUMENT | expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    ("operation", "detail"),
    [
        ({"op": "remove", "path": "/a/none"}, "nonexistent key: none"),
        ({"op": "remove", "path": "/a/l/2"}, "nonexistent key: 2"),
        ({"op": "replace", "path": "/a/l/5", "value": 1}, "missing key: /a/l/5"),
        ({"op": "add", "path": "/none/x", "value": 1}, "missing path: /none/x"),
        ({"op": "add", "path": "/c~1d/x", "value": 1}, "missing path"),
        ({"op": "add", "path": "/a/l/7", "value": 1}, "invalid index: 7"),
        ({"op": "add", "path": "/a/l/one", "value": 1}, "not a proper array index"),
        ({"op": "move", "from": "/a/none", "path": "/b"}, "missing from path: /a/none"),
        ({"op": "test", "path": "/c~1d", "value": True}, "testing value /c~1d failed"),
        ({"op": "none", "path": "/a"}, "Unexpected kind: none"),
        ({"op": "add", "value": 1}, "no path"),
        ({"op": "add", "path": "a", "value": 1}, "no path"),
    ],
)
def test_json_patches_that_do_not_apply(operation: dict[str, Any], detail: str) -> None:
    with pytest.raises(PatchRefused) as refused:
        json_patch(DOCUMENT, [operation])
    assert (str(refused.value), refused.value.status, refused.value.reason) == (REJECTED, 422, "Invalid")
    assert detail in refused.value.detail


@pytest.mark.parametrize("patch", [{"op": "add"}, "x", 1, None, [1]])
def test_what_is_no_json_patch(patch: object) -> None:
    with pytest.raises(PatchRefused, match="error decoding patch: json: cannot unmarshal") as refused:
        json_patch(DOCUMENT, patch)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({"a": 1}, {"a": {"b": None, "c": 2}}, {"a": {"c": 2}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(document: Any, patch: Any, expected: Any) -> None:
    """The examples of the RFC."""
    before = copy.deepcopy(document)
    assert merge_patch(document, patch) == expected
    assert document == before


def test_what_is_no_merge_patch() -> None:
    with pytest.raises(
        PatchRefused, match=r"cannot unmarshal array into Go value of type map\[string\]interface"
    ) as refused:
        merge_patch({}, [1])
    assert refused.value.status == 400


POD: Any = {
    "containers": [
        {"name": "a", "image": "i:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"name": "b", "image": "i:2"},
    ],
    "tolerations": [{"key": "k"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "nodeSelector": {"x": "1", "y": "2"},
}


def patched(schemas: Schemas, patch: Any) -> Any:
    """The Pod specification after a patch of it."""
    kind = schemas.kind("", "v1", "Pod")
    assert kind is not None
    before = copy.deepcopy(POD)
    result = strategic_merge_patch({"spec": POD}, {"spec": patch}, kind.node)["spec"]
    assert before == POD
    return result


def names(items: list[Any]) -> list[str]:
    return [item["name"] for item in items]


def test_lists_merge_by_key_or_are_replaced(schemas: Schemas) -> None:
    done = patched(schemas, {"containers": [{"name": "a", "env": [{"name": "B", "value": "9"}]}], "tolerations": []})
    assert done["containers"][0]["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "9"}]
    assert done["containers"][1] == POD["containers"][1]
    assert done["tolerations"] == []


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"containers": [{"name": "n"}]}, ["n", "a", "b"]),
        ({"containers": [{"name": "a", "$patch": "delete"}]}, ["b"]),
        ({"containers": [{"name": "zz", "$patch": "delete"}]}, ["a", "b"]),
        ({"containers": [{"$patch": "replace"}, {"name": "n"}]}, ["n"]),
        ({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}, ["b", "a"]),
        (
            {
                "$setElementOrder/containers": [{"name": "b"}, {"name": "n"}, {"name": "a"}],
                "containers": [{"name": "n"}],
            },
            ["b", "n", "a"],
        ),
    ],
)
def test_directives_in_lists(schemas: Schemas, patch: Any, expected: list[str]) -> None:
    assert names(patched(schemas, patch)["containers"]) == expected


def test_directives_in_maps(schemas: Schemas) -> None:
    assert patched(schemas, {"nodeSelector": {"$patch": "replace", "z": "1"}})["nodeSelector"] == {"z": "1"}
    assert patched(schemas, {"nodeSelector": {"$patch": "delete"}})["nodeSelector"] == {}
    assert "affinity" not in patched(schemas, {"affinity": {"$patch": "delete"}})
    assert patched(schemas, {"affinity": {"nodeAffinity": None}})["affinity"] == {}
    kept = patched(schemas, {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {}}]})
    assert kept["volumes"] == [{"name": "v", "secret": {}}]


@pytest.mark.parametrize(
    ("patch", "status", "message"),
    [
        ({"containers": [{"image": "x"}]}, 500, "map: map[image:x] does not contain declared merge key: name"),
        (
            {"containers": [{"name": "a", "$patch": "foo"}]},
            500,
            "unknown patch type: foo in map: map[$patch:foo name:a]",
        ),
        ({"nodeSelector": {"$patch": "foo"}}, 500, "unknown patch type: foo in map: map[$patch:foo]"),
        ({"containers": [{"name": "a", "$patch": "merge"}]}, 500, "merging lists cannot yet be specified in the patch"),
        ({"$setElementOrder/containers": ["x"]}, 500, "value for key 0 is not a map"),
        ({"nodeSelector": {"$retainKeys": ["x"], "y": "1"}}, 400, "invalid patch format of retainKeys"),
        (
            {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]},
            500,
            "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
        ),
    ],
)
def test_strategic_patches_that_are_refused(schemas: Schemas, patch: Any, status: int, message: str) -> None:
    with pytest.raises(PatchRefused) as refused:
        patched(schemas, patch)
    assert (refused.value.status, str(refused.value)) == (status, message)
