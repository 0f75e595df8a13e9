"""What clients are told is served, against what a real server says of the same resources."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import pytest

from tests.sandbox.contract.player import Server
from tests.sandbox.server.comparing import ACCEPTS
from tests.sandbox.server.serving import Serving

Json = dict[str, Any]

NOT_SERVED = {"componentstatuses", "pods/ephemeralcontainers", "pods/resize"}
AGGREGATED = {"Accept": ACCEPTS["aggregated"]}


def definition(group: str) -> Json:
    """A custom kind in two versions, with everything that discovery tells."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    parts = {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}}
    names = {"plural": "foos", "kind": "Foo", "shortNames": ["fo"], "categories": ["all"]}
    first = {"name": "v1", "served": True, "storage": True, "schema": schema, "subresources": parts}
    second = {"name": "v1beta1", "served": True, "storage": False, "schema": schema}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [second, first]}
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return body | {"metadata": {"name": f"foos.{group}"}, "spec": spec}


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_a_definition_is_served_at_once_and_gone_with_its_deletion(own: Serving) -> None:
    assert own.admin.ask("POST", DEFINITIONS, definition("some.example")).status == 201
    groups = [group["name"] for group in own.admin.ask("GET", "/apis").body["groups"]]
    assert groups[-1] == "some.example"
    names = [r["name"] for r in own.admin.ask("GET", "/apis/some.example/v1").body["resources"]]
    assert names == ["foos", "foos/status", "foos/scale"]
    paths = own.admin.ask("GET", "/openapi/v3").body["paths"]
    document = own.admin.ask("GET", paths["apis/some.example/v1"]["serverRelativeURL"])
    assert "example.some.v1.Foo" in document.body["components"]["schemas"]
    own.admin.ask("DELETE", f"{DEFINITIONS}/foos.some.example")
    assert own.admin.ask("GET", "/apis/some.example/v1").status == 404


def test_discovery_is_not_sent_twice(own: Serving) -> None:
    first = own.admin.ask("GET", "/apis", headers=AGGREGATED)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert own.admin.ask("GET", "/apis", headers=AGGREGATED | tag).status == 304
    own.admin.ask("POST", DEFINITIONS, definition("some.example"))
    assert own.admin.ask("GET", "/apis", headers=AGGREGATED | tag).status == 200


def test_documents_are_named_by_their_content(own: Serving) -> None:
    before = own.admin.ask("GET", "/openapi/v3").body["paths"]
    own.admin.ask("POST", DEFINITIONS, definition("some.example"))
    after = own.admin.ask("GET", "/openapi/v3").body["paths"]
    assert {name for name in after if after[name] != before.get(name)} == {
        "apis/some.example/v1",
        "apis/some.example/v1beta1",
    }


@pytest.mark.plane
def test_resources_are_those_of_the_real_server(own: Serving, real: Server) -> None:
    for path in _versions(own.admin):
        mine, theirs = own.admin.ask("GET", path).body, real.ask("GET", path).body
        served = {entry["name"] for entry in mine["resources"]}
        left_out = {entry["name"] for entry in theirs["resources"]} - served
        if path == "/api/v1":
            assert left_out == NOT_SERVED
        theirs["resources"] = [entry for entry in theirs["resources"] if entry["name"] in served]
        assert _plain(mine) == _plain(theirs), path


@pytest.mark.plane
def test_groups_are_those_of_the_real_server(own: Serving, real: Server) -> None:
    mine, theirs = own.admin.ask("GET", "/apis").body, real.ask("GET", "/apis").body
    served = [group["name"] for group in mine["groups"]]
    same = [group for group in theirs["groups"] if group["name"] in served]
    for group in same:  # one version of autoscaling is enough
        group["versions"] = [v for v in group["versions"] if v["groupVersion"] != "autoscaling/v1"]
    assert mine == theirs | {"groups": same}
    for name in served:
        assert own.admin.ask("GET", f"/apis/{name}").status == 200


@pytest.mark.plane
@pytest.mark.parametrize("root", ["/api", "/apis"])
def test_the_whole_document_is_that_of_the_real_server(own: Serving, real: Server, root: str) -> None:
    mine, theirs = (server.ask("GET", root, headers=AGGREGATED) for server in (own.admin, real))
    assert mine.headers["Content-Type"] == theirs.headers["Content-Type"]
    served = {item["metadata"].get("name", ""): item for item in mine.body["items"]}
    found = {item["metadata"].get("name", ""): item for item in theirs.body["items"]}
    assert list(served) == [name for name in found if name in served]
    for name, item in served.items():
        versions = {version["version"]: version for version in found[name]["versions"]}
        for version in item["versions"]:
            real_resources = {r["resource"]: r for r in versions[version["version"]]["resources"]}
            for resource in version["resources"]:
                wanted = real_resources[resource["resource"]]
                parts = [
                    part
                    for part in wanted.get("subresources", ())
                    if f"{resource['resource']}/{part['subresource']}" not in NOT_SERVED
                ]
                assert resource == wanted | ({"subresources": parts} if parts else {})


@pytest.mark.plane
def test_a_custom_resource_is_told_like_on_the_real_server(own: Serving, real: Server) -> None:
    group = f"g{secrets.token_hex(3)}.example"
    for server in (own.admin, real):
        assert server.ask("POST", DEFINITIONS, definition(group)).status == 201
    try:
        _wait_for(real, group)
        for path in (f"/apis/{group}", f"/apis/{group}/v1", f"/apis/{group}/v1beta1"):
            assert own.admin.ask("GET", path).body == real.ask("GET", path).body
        mine, theirs = (server.ask("GET", "/apis", headers=AGGREGATED).body["items"] for server in (own.admin, real))
        (item,) = (item for item in mine if item["metadata"]["name"] == group)
        assert item in theirs
    finally:
        real.ask("DELETE", f"{DEFINITIONS}/foos.{group}")


def _versions(server: Server) -> list[str]:
    groups = server.ask("GET", "/apis").body["groups"]
    return ["/api/v1", *(f"/apis/{v['groupVersion']}" for group in groups for v in group["versions"])]


def _plain(body: Json) -> str:
    """CustomResourceDefinitions are stored in an older version on the real server."""
    for entry in body["resources"]:
        if entry["name"] == "customresourcedefinitions":
            entry.pop("storageVersionHash")
    return json.dumps(body, sort_keys=True)


def _wait_for(real: Server, group: str) -> None:
    deadline = time.monotonic() + 20
    while group not in str(real.ask("GET", "/apis", headers=AGGREGATED).body):
        assert time.monotonic() < deadline, f"{group} is never served"
        time.sleep(0.05)
