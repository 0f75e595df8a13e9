"""Objects that a real server refuses are refused here too, in the same words."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.sandbox.conftest import call
from todoke_sandbox.registry.builtin import resources
from todoke_sandbox.registry.resources import Registry, Resource
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.storage.store import Store
from todoke_sandbox.verbs.api import Api
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import How, Patch, Place

Json = dict[str, Any]

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "refused.yaml").read_text())
BY = How("tests")


@pytest.fixture(scope="module")
def registry() -> Registry:
    """The kinds of a new cluster."""
    schemas = Schemas.load()
    return Registry(schemas, resources(schemas))


@pytest.fixture
def api(registry: Registry) -> Api:
    """An empty cluster with one namespace that Pods can be made in."""
    api = Api(Store(), registry, lambda: datetime.now(UTC))
    make(api, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "refused"}})
    make(api, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "default"}})
    return api


def resource_of(api: Api, body: Json) -> Resource:
    """The resource of an object, by its kind alone."""
    (found,) = [resource for resource in api.registry.resources() if resource.kind.name == body["kind"]]
    return found


def place_of(api: Api, body: Json, name: str = "") -> Place:
    """Where an object goes."""
    resource = resource_of(api, body)
    return Place(resource, "refused" if resource.namespaced else "", name)


def make(api: Api, body: Json) -> Json:
    """The object or the refusal."""
    try:
        return api.create(place_of(api, body), body, BY).stored.body
    except Refusal as refusal:
        return refusal.status


def change(api: Api, body: Json, patch: Json) -> Json:
    """The patched object or the refusal."""
    try:
        return api.patch(place_of(api, body, body["metadata"]["name"]), Patch("merge", patch), BY).stored.body
    except Refusal as refusal:
        return refusal.status


@pytest.mark.plane
@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_refused(case: Json, api: Api, plane: ControlPlane, namespace: str) -> None:
    body = {"metadata": {}} | copy.deepcopy(case["object"])
    body["metadata"] = {"name": "refused"} | body["metadata"]
    resource = resource_of(api, body)
    body = {"apiVersion": resource.kind.api_version} | body
    collection = f"{resource.root}/namespaces/{namespace}/{resource.plural}"
    real = call(plane, "POST", collection, body)
    mine = make(api, body)
    if "then" in case:
        assert "code" not in real, real
        assert "code" not in mine, mine
        patch = case["then"]
        real = call(plane, "PATCH", f"{collection}/refused", patch, "application/merge-patch+json")
        mine = change(api, body, patch)
    assert "code" in real, "the real server takes it"
    assert "code" in mine, f"not refused; the real server: {real['message']}"
    if start := case.get("start"):
        assert real["message"].startswith(start)
        assert mine["message"].startswith(start)
        assert (mine["code"], mine["reason"]) == (real["code"], real["reason"])
        return
    assert told(mine) == told(real)


def told(answer: Json) -> Json:
    """What a client is told; of several causes the order is of no matter."""
    details = dict(answer.get("details") or {})
    causes = details.pop("causes", [])
    message = answer["message"]
    if len(causes) > 1:
        message = sorted(message.replace("invalid: [", "invalid:, ").removesuffix("]").split(", "))
    return {
        "code": answer["code"],
        "reason": answer.get("reason"),
        "message": message,
        "details": details,
        "causes": sorted(causes, key=str),
    }
