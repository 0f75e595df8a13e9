"""Kinds without a server: where they come from, how bodies are read, what is pruned, defaulted and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import GROUP, Json, definitions
from todoke_sandbox.schema import loader
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.schema.defaults import BY_KIND
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.loader import DataMissing, Schemas
from todoke_sandbox.schema.make_definitions import WIRE, compact, main
from todoke_sandbox.schema.quantities import NotAQuantity, amount, canonical
from todoke_sandbox.schema.validation import refusal, validate, validate_write


def kind_of(schemas: Schemas, group: str, name: str, version: str = "v1") -> Kind:
    found = schemas.kind(group, version, name)
    assert found is not None
    return found


def test_kinds_are_found_by_group_version_and_kind(schemas: Schemas) -> None:
    deployment = kind_of(schemas, "apps", "Deployment")
    assert deployment is kind_of(schemas, "apps", "Deployment")
    assert (deployment.api_version, deployment.text) == ("apps/v1", "apps/v1, Kind=Deployment")
    assert kind_of(schemas, "", "ConfigMap").text == "/v1, Kind=ConfigMap"
    assert schemas.kind("apps", "v2", "Deployment") is None
    assert schemas.kind("", "v1", "Status") is None


def test_only_what_a_kind_consists_of_is_made() -> None:
    """So that a cluster is there at once: all kinds together consist of more than five hundred definitions."""
    schemas = Schemas.load()
    assert schemas.kind("", "v1", "ConfigMap") is not None
    assert len(schemas._nodes) < 20


def test_without_the_generated_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loader, "DATA", tmp_path)
    loader._content.cache_clear()
    with pytest.raises(DataMissing, match="run make setup"):
        Schemas.load()


def test_every_kind_with_defaults_exists(schemas: Schemas) -> None:
    assert [key for key in BY_KIND if schemas.kind(*key) is None] == []


def test_every_kind_can_be_read_empty(schemas: Schemas) -> None:
    """Defaults look only at fields that reading has made."""
    for name in schemas._names:
        group, version, kind = name.split("/")
        if found := schemas.kind(group, version, kind):
            assert found.read({})[0]["kind"] == kind


def test_wire_facts_name_fields_that_exist(schemas: Schemas) -> None:
    for name, definition in schemas._definitions.items():
        named = {*definition.get("x-always", ()), *definition.get("x-optional", ())}
        assert named <= set(definition.get("properties", {})), name


def test_definitions_are_made_compact() -> None:
    spec = {"$ref": "#/$defs/io.k8s.api.x.v1.ThingSpec", "description": "what"}
    properties = {"kind": {"type": ["string", "null"], "enum": ["Thing"]}, "spec": spec}
    gvk = [{"group": "x", "version": "v1", "kind": "Thing"}]
    content = {
        "$defs": {
            "io.k8s.api.x.v1.Thing": {"properties": properties, "x-kubernetes-group-version-kind": gvk},
            "io.k8s.api.x.v1.ThingSpec": {"type": ["object", "null"], "properties": {"n": {"type": "integer"}}},
            "io.k8s.api.x.v1beta1.Thing": {"properties": {}, "x-kubernetes-group-version-kind": gvk},
            "io.k8s.api.x.v1.Unused": {"type": "object"},
        }
    }
    made, descriptions = compact(content, "# facts\nx.v1.Thing ! spec\nx.v1.ThingSpec ? n\n")
    assert made["kinds"] == {"x/v1/Thing": "x.v1.Thing"}
    assert made["definitions"] == {
        "x.v1.Thing": {
            "properties": {"kind": {"type": "string"}, "spec": {"$ref": "x.v1.ThingSpec"}},
            "x-always": ["spec"],
        },
        "x.v1.ThingSpec": {"type": "object", "properties": {"n": {"type": "integer"}}, "x-optional": ["n"]},
    }
    assert descriptions["x.v1.Thing"] == {"": "", "spec": "what"}
    assert WIRE.is_file()
    assert main([]) == 2


def test_built_in_bodies_are_read_as_go_reads_them(schemas: Schemas) -> None:
    read, lost = kind_of(schemas, "apps", "Deployment").read(
        {
            "metadata": {"name": "x", "labels": {}, "annotations": {"a": None}, "foo": 1},
            "spec": {
                "replicas": 0,
                "paused": False,
                "minReadySeconds": 0,
                "template": {"spec": {"containers": [{"name": "c", "stdin": False, "env": [], "bar": 2}]}},
            },
            "baz": 3,
        }
    )
    assert lost == ["metadata.foo", "spec.template.spec.containers[0].bar", "baz"]
    assert read["metadata"] == {"name": "x", "annotations": {"a": ""}}
    assert {"paused", "minReadySeconds"}.isdisjoint(read["spec"])
    assert read["spec"]["replicas"] == 0
    assert read["spec"]["template"]["spec"]["containers"][0]["resources"] == {}
    assert read["status"] == {}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": "x"}, "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        (
            {"replicas": 1.5},
            "cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        ({"paused": "x"}, "cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool"),
        (
            {"template": {"spec": {"containers": [{"image": 5}]}}},
            "cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string",
        ),
        (
            {"template": {"spec": {"containers": {}}}},
            "cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
    ],
)
def test_bodies_that_do_not_decode(schemas: Schemas, spec: Json, message: str) -> None:
    with pytest.raises(Undecodable) as refused:
        kind_of(schemas, "apps", "Deployment").read({"spec": spec})
    assert str(refused.value) == f"json: {message}"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("1000m", "1"), ("0.5", "500m"), (0.1, "100m"), (2, "2"), ("1024Ki", "1Mi"), ("1536Mi", "1536Mi"),
        ("1024", "1024"), ("1000", "1k"), ("1500", "1500"), ("0.5Gi", "512Mi"), ("1e3", "1e3"), ("12e2", "1200"),
        ("100Mi", "100Mi"), ("0", "0"), ("-5", "-5"), ("-0", "0"), ("1.5", "1500m"), ("0.0001m", "100n"),
        ("2147483648", "2147483648"), ("1Ei", "1Ei"), ("1.", "1."), (".5", "500m"), ("+1", "+1"), ("010", "010"),
        ("1.234", "1.234"), ("0.123", "123m"), ("12.345k", "12.345k"), ("5000e-3", "5"), ("1.5e6", "1500e3"),
        ("1.234567", "1.234567"), ("1.0Ki", "1Ki"), ("02Mi", "02Mi"), ("1.23456789012345", "1234567891n"),
        ("100.5", "100500m"), (1e3, "1k"), ("0.1e3", "100"), ("0.0005", "500u"),
    ],
)  # fmt: skip
def test_quantities_as_the_server_writes_them(given: Any, text: str) -> None:
    """Each seen on a real server."""
    assert canonical(given) == text
    assert canonical(text) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("1.234567", "1235m"),
        ("1.234", "1.234"),
        ("0.0005", "1m"),
        ("1500n", "1m"),
        ("1e-9", "1e-3"),
        ("2000000001n", "2001m"),
    ],
)
def test_lists_of_resources_round_up_to_thousandths(schemas: Schemas, given: str, text: str) -> None:
    read, _ = kind_of(schemas, "", "ResourceQuota").read({"spec": {"hard": {"x": given}}})
    assert read["spec"]["hard"] == {"x": text}


def test_quantities_are_amounts() -> None:
    assert amount("1Gi") == 2**30
    assert amount("1500m") * 2 == 3
    with pytest.raises(NotAQuantity, match="quantities must match"):
        canonical("much")


@pytest.fixture
def custom(known: Schemas) -> Schemas:
    for definition in definitions():
        known.add_definition(definition)
    return known


def test_custom_bodies_are_pruned_and_defaulted(custom: Schemas) -> None:
    body = {"metadata": {"name": "x", "foo": 1}, "spec": {"size": 3, "color": None, "extra": 1}, "more": 1}
    read, lost = kind_of(custom, GROUP, "Ruled").read(body)
    assert sorted(lost) == ["metadata.foo", "more", "spec.extra"]
    assert read["spec"] == {"size": 3, "color": "red", "nested": {"on": True}}
    assert read["metadata"] == {"name": "x"}


def test_unknown_fields_stay_where_the_schema_keeps_them(custom: Schemas) -> None:
    read, lost = kind_of(custom, GROUP, "Typed").read({"spec": {"free": {"a": {"b": 1}}, "struct": {"z": 1}}})
    assert read["spec"] == {"free": {"a": {"b": 1}}, "struct": {}}
    assert lost == ["spec.struct.z"]
    loose, lost = kind_of(custom, GROUP, "Loose").read({"anything": [1], "spec": {"a": None}})
    assert (loose["anything"], loose["spec"], lost) == ([1], {"a": None}, [])


def test_custom_kinds_come_and_go(custom: Schemas) -> None:
    definition = definitions()[2]
    assert (GROUP, "v1") in custom.group_versions()
    document = json.loads(custom.openapi_v3(GROUP, "v1"))
    assert "dev.todoke.sandbox.v1.Ruled" in document["components"]["schemas"]
    custom.remove(definition["spec"]["group"], definition["spec"]["names"]["kind"])
    assert custom.kind(GROUP, "v1", "Ruled") is None
    assert "dev.todoke.sandbox.v1.Ruled" not in json.loads(custom.openapi_v3(GROUP, "v1"))["components"]["schemas"]
    custom.add_definition(definition)


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({}, "spec.size", "Required value"),
        ({"size": 9}, "spec.size", "Invalid value: 9: spec.size in body should be less than or equal to 5"),
        ({"size": 0}, "spec.size", "Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"size": "3"}, "spec.size", 'Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": 3, "color": "g"}, "spec.color", 'Unsupported value: "g": supported values: "red", "blue"'),
        ({"size": 3, "code": "AB"}, "spec.code", "Invalid value: \"AB\": spec.code in body should match '^[a-z]+$'"),
        ({"size": 3, "code": "abcde"}, "spec.code", "Too long: may not be more than 4 bytes"),
        (
            {"size": 3, "code": "a"},
            "spec.code",
            'Invalid value: "a": spec.code in body should be at least 2 chars long',
        ),
        ({"size": 3, "tags": ["a"] * 3}, "spec.tags", "Too many: 3: must have at most 2 items"),
        (
            {"size": 3, "nested": None},
            "spec.nested",
            'Invalid value: "null": spec.nested in body must be of type object: "null"',
        ),
    ],
)
def test_rules_in_the_servers_words(custom: Schemas, spec: Json, field: str, message: str) -> None:
    (broken,) = validate(kind_of(custom, GROUP, "Ruled").node, {"metadata": {}, "spec": spec})
    assert (broken.field, broken.message) == (field, message)


def test_a_status_is_validated_alone(custom: Schemas) -> None:
    node = kind_of(custom, GROUP, "Typed").node
    (broken,) = validate_write(node, {"spec": {"text": 5}, "status": 1}, "status")
    assert refusal("Typed.x", "a", [broken]) == (
        'Typed.x "a" is invalid: status: Invalid value: "integer":  in body must be of type object: "integer"'
    )


def test_items_of_keyed_lists_are_unique(custom: Schemas) -> None:
    node = kind_of(custom, GROUP, "Typed").node
    broken = validate(node, {"spec": {"items": [{"name": "a"}, {"name": "a"}], "set": ["x", "x"]}})
    assert [(v.field, v.message) for v in broken] == [
        ("spec.items[1]", 'Duplicate value: {"name":"a"}'),
        ("spec.set[1]", 'Duplicate value: "x"'),
    ]
