"""Our definitions against those of Argo CD, whose objects they must hold without loss."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cases import corpus_file, load
from todoke.model.crd import custom_resource_definitions

Schema = dict[str, Any]
OURS = {definition["spec"]["names"]["kind"]: definition for definition in custom_resource_definitions()}
FILES = {
    "Application": "crds/argo-cd/application-crd.yaml",
    "AppProject": "crds/argo-cd/appproject-crd.yaml",
    "ApplicationSet": "crds/argo-cd/applicationset-crd.yaml",
}
kinds = pytest.mark.parametrize("kind", sorted(FILES))


def schema_of(definition: dict[str, Any]) -> Schema:
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node of a schema with the path at which it stands."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def says(schema: Schema) -> Schema:
    """What a node accepts, without what only describes it or makes it more lenient."""
    passed_over = {"description", "nullable", "properties", "items", "additionalProperties", "required"}
    return {key: value for key, value in schema.items() if key not in passed_over}


def free(path: str, known: dict[str, Schema]) -> bool:
    """Whether the path lies in a part that keeps whatever it is given."""
    return any(
        path != above and path.startswith(above) and schema.get("x-kubernetes-preserve-unknown-fields")
        for above, schema in known.items()
        if above
    )


@kinds
def test_every_field_of_argo_has_its_place_and_type(kind):
    theirs = schema_of(load(corpus_file(FILES[kind]).read_text()))
    known = dict(nodes(schema_of(OURS[kind])))

    missing = [path for path, _ in nodes(theirs) if path not in known and not free(path, known)]
    other = {
        path: (says(schema), says(known[path]))
        for path, schema in nodes(theirs)
        if path in known
        and says(schema) != says(known[path])
        and not known[path].get("x-kubernetes-preserve-unknown-fields")
    }

    assert (missing, other) == ([], {})


@kinds
def test_we_demand_no_field_that_argo_does_not(kind):
    theirs = dict(nodes(schema_of(load(corpus_file(FILES[kind]).read_text()))))
    demanded = {
        f"{path}.{name}"
        for path, schema in nodes(schema_of(OURS[kind]))
        for name in schema.get("required", ())
        if path in theirs and name not in theirs[path].get("required", ())
    }

    assert demanded == set()


@kinds
def test_names_and_columns_are_those_of_argo(kind):
    theirs, ours = load(corpus_file(FILES[kind]).read_text()), OURS[kind]
    version = theirs["spec"]["versions"][0]

    assert theirs["metadata"]["name"] == ours["metadata"]["name"]
    assert {key: theirs["spec"][key] for key in ("group", "names", "scope")} == {
        key: ours["spec"][key] for key in ("group", "names", "scope")
    }
    assert version.get("additionalPrinterColumns") == ours["spec"]["versions"][0].get("additionalPrinterColumns")
    assert (version.get("subresources") or None) == ours["spec"]["versions"][0].get("subresources")


@kinds
def test_schemas_are_structural(kind):
    broken = [path for path, schema in nodes(schema_of(OURS[kind])) if not structural(schema)]

    assert broken == []


def structural(schema: Schema) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return "type" not in schema and schema["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    declared = "type" in schema and "$ref" not in schema and not ("nullable" in schema and "default" in schema)
    return declared and not ("properties" in schema and "additionalProperties" in schema)


def test_what_may_be_left_out_may_be_null():
    known = dict(nodes(schema_of(OURS["Application"])))

    assert known[".spec.source.targetRevision"]["nullable"]
    assert known[".spec.syncPolicy.automated"]["nullable"]
    assert "nullable" not in known[".spec.project"]


@kinds
def test_definitions_bear_our_mark(kind):
    assert OURS[kind]["metadata"]["labels"] == {"app.kubernetes.io/part-of": "todoke"}


def test_an_application_has_no_status_subresource():
    assert "subresources" not in OURS["Application"]["spec"]["versions"][0]
