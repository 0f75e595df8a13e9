"""The sandbox's functions and a real API server side by side: every step is done by both and must come out the same."""

from __future__ import annotations

import copy
import json
import os
import secrets
import signal
import time
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.cluster.control_plane import ControlPlane
from todoke_sandbox.fields.conflicts import ApplyConflict
from todoke_sandbox.fields.ownership import BadApply, Writer
from todoke_sandbox.fields.scaling import apply_replicas, set_replicas
from todoke_sandbox.fields.writes import apply_patch, create, replace
from todoke_sandbox.patches.errors import PatchRefused
from todoke_sandbox.patches.json_patch import json_patch
from todoke_sandbox.patches.merge_patch import merge_patch
from todoke_sandbox.patches.strategic import strategic_merge_patch
from todoke_sandbox.schema.decoding import Undecodable
from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.schema.validation import refusal, validate_write

Json = dict[str, Any]

CONTENT_TYPES = {
    "apply": "application/apply-patch+yaml",
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
SERVER_MADE = ("uid", "resourceVersion", "creationTimestamp", "generation")
ALLOCATED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
GROUP = "sandbox.todoke.dev"


COLLECTIONS = {
    "ConfigMap": ("", "v1", "configmaps"),
    "Secret": ("", "v1", "secrets"),
    "Service": ("", "v1", "services"),
    "PodTemplate": ("", "v1", "podtemplates"),
    "ResourceQuota": ("", "v1", "resourcequotas"),
    "Deployment": ("apps", "v1", "deployments"),
    "StatefulSet": ("apps", "v1", "statefulsets"),
    "DaemonSet": ("apps", "v1", "daemonsets"),
    "CronJob": ("batch", "v1", "cronjobs"),
    "Ingress": ("networking.k8s.io", "v1", "ingresses"),
    "NetworkPolicy": ("networking.k8s.io", "v1", "networkpolicies"),
    "HorizontalPodAutoscaler": ("autoscaling", "v2", "horizontalpodautoscalers"),
    "Lease": ("coordination.k8s.io", "v1", "leases"),
    "Role": ("rbac.authorization.k8s.io", "v1", "roles"),
    "RoleBinding": ("rbac.authorization.k8s.io", "v1", "rolebindings"),
    "PodDisruptionBudget": ("policy", "v1", "poddisruptionbudgets"),
    "Loose": (GROUP, "v1", "looses"),
    "Typed": (GROUP, "v1", "typeds"),
    "Ruled": (GROUP, "v1", "ruleds"),
    "Paired": (GROUP, "v1", "paireds"),
}


@dataclass(frozen=True)
class Place:
    """A kind and where the API server has its objects."""

    kind: Kind
    collection: str
    namespace: str


@dataclass
class Twin:
    """One object at the real server, and what the sandbox's functions make of the same requests."""

    server: ControlPlane
    place: Place
    name: str
    real: Json | None = None
    mine: Json | None = None
    log: list[str] = field(default_factory=list)

    def move(self, place: Place) -> None:
        """Go on through another version of the kind."""
        self.place = place
        if self.mine is not None:
            self.mine = self.mine | {"apiVersion": place.kind.api_version}

    def step(self, verb: str, body: Any, by: str = "m1", sub: str = "", force: bool = False) -> None:
        """One request to both. Raises AssertionError when the answers differ."""
        self.log.append(f"{verb} {sub} by {by} force={force}: {json.dumps(body)}")
        sent = self._whole(body, sub) if verb in ("apply", "create", "put") else body
        if verb == "edit":
            verb, sent = "put", merge_patch(self.real or {}, body)
        answer = self._ask(verb, sent, by, sub, force)
        if sub == "scale" and "code" not in answer:
            answer = call(self.server, "GET", f"{self.place.collection}/{self.name}", None)
        refused = answer.get("kind") == "Status" and "code" in answer
        if (
            refused
            and answer["code"] == 422
            and self.place.kind.built_in
            and answer["message"].find("rejected our") < 0
        ):
            self.log.append(f"  refused by validation: {answer['message']}")
            return
        mine = self._do(verb, copy.deepcopy(sent), Writer(by, _moment(answer), sub, force))
        story = "\n".join(self.log)
        if refused or "code" in mine:
            assert _error(mine) == _error(answer), story
            return
        assert plain(mine) == plain(answer), story
        assert _entries(mine) == _entries(answer), story
        self.real, self.mine = answer, _adopted(mine, answer)

    def _ask(self, verb: str, sent: Any, by: str, sub: str, force: bool) -> Json:
        query = {"fieldManager": by} | ({"force": "true"} if force else {})
        method = {"create": "POST", "put": "PUT"}.get(verb, "PATCH")
        path = self.place.collection if verb == "create" else f"{self.place.collection}/{self.name}"
        if verb == "put" and self.real is not None:
            sent = sent | {"metadata": {"resourceVersion": self.real["metadata"]["resourceVersion"]} | sent["metadata"]}
        path += f"/{sub}" if sub else ""
        return call(
            self.server, method, f"{path}?{urlencode(query)}", sent, CONTENT_TYPES.get(verb, "application/json")
        )

    def _do(self, verb: str, sent: Any, by: Writer) -> Json:
        kind = self.place.kind
        try:
            if by.subresource == "scale":
                replicas = sent["spec"].get("replicas")
                scale = apply_replicas if verb == "apply" else set_replicas
                made = scale(kind, self.mine or {}, replicas, by)
            elif verb == "apply":
                made = apply_patch(kind, self.mine, sent, by)
            elif verb == "create":
                made = create(kind, sent, by)
            else:
                made = replace(kind, self.mine or {}, self._patched(verb, sent), by)
        except ApplyConflict as error:
            return {"code": 409, "reason": "Conflict", "message": str(error), "causes": error.causes()}
        except BadApply as error:
            return {"code": 400, "reason": "BadRequest"} if error.bad_request else {"code": 500, "message": str(error)}
        except PatchRefused as error:
            return {"code": error.status, "reason": error.reason, "message": str(error)}
        except Undecodable as error:
            message = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {error}'
            return {"code": 400, "reason": "BadRequest", "message": message}
        made["metadata"].setdefault("namespace", self.place.namespace)
        return self._invalid(made, by.subresource) or made

    def _patched(self, verb: str, sent: Any) -> Json:
        live = self.mine or {}
        if verb == "json":
            return json_patch(live, sent)
        if verb == "merge":
            return merge_patch(live, sent)
        return strategic_merge_patch(live, sent, self.place.kind.node) if verb == "strategic" else sent

    def _invalid(self, made: Json, subresource: str) -> Json | None:
        kind = self.place.kind
        broken = [] if kind.built_in else validate_write(kind.node, made, subresource)
        if not broken:
            return None
        causes = [{"reason": v.reason, "message": v.message, "field": v.field} for v in broken]
        message = refusal(f"{kind.name}.{kind.group}", self.name, broken)
        return {"code": 422, "reason": "Invalid", "message": message, "causes": causes}

    def _whole(self, body: Json, sub: str) -> Json:
        kind = self.place.kind
        metadata = {"name": self.name} | (body.get("metadata") or {})
        if sub == "scale":
            return {"apiVersion": "autoscaling/v1", "kind": "Scale"} | body | {"metadata": metadata}
        return {"apiVersion": kind.api_version, "kind": kind.name} | body | {"metadata": metadata}


def call(server: ControlPlane, method: str, path: str, body: Any, content_type: str = "application/json") -> Json:
    """The decoded answer, also when it is a refusal."""
    try:
        answer: Json = server.request(method, path, body, content_type)
    except urllib.error.HTTPError as error:
        with error:
            answer = json.loads(error.read())
    return answer


def plain(body: Json) -> Json:
    """An object without what only a server can know, and without its entries."""
    skipped = (*SERVER_MADE, "managedFields")
    rest = body | {"metadata": {k: v for k, v in body["metadata"].items() if k not in skipped}}
    if body["kind"] == "Service":
        rest["spec"] = {k: v for k, v in body["spec"].items() if k not in ALLOCATED}
    return rest


def _entries(body: Json) -> list[Any]:
    """Entries with the order of their sets: JSON text shows it for built-in kinds, custom ones come sorted anyway."""
    entries = body["metadata"].get("managedFields") or []
    custom = "." in str(body["apiVersion"]).partition("/")[0] and GROUP in body["apiVersion"]
    return [
        {**entry, "fieldsV1": json.dumps(entry["fieldsV1"], sort_keys=custom, separators=(",", ":"))}
        for entry in entries
    ]


def _adopted(mine: Json, real: Json) -> Json:
    """Ours with what the server has given the object."""
    taken = {name: real["metadata"][name] for name in SERVER_MADE if name in real["metadata"]}
    done = mine | {"metadata": mine["metadata"] | taken}
    if mine["kind"] == "Service":
        done["spec"] = mine["spec"] | {name: real["spec"][name] for name in ALLOCATED if name in real["spec"]}
    return done


def _moment(answer: Mapping[str, Any]) -> datetime:
    entries = (answer.get("metadata") or {}).get("managedFields") or []
    times = [entry["time"] for entry in entries if "time" in entry]
    return datetime.fromisoformat(max(times)) if times else datetime.now(UTC)


def _error(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    """What must be the same of two refusals. The server names violations of a custom kind in no certain order."""
    message = answer.get("message", "")
    causes = answer.get("causes") or (answer.get("details") or {}).get("causes") or []
    if answer.get("code") == 400 and "cannot be handled" not in message:
        message = ""
    return (
        answer.get("code"),
        answer.get("reason") or "",
        sorted(message.replace("invalid: [", "invalid:, ").removesuffix("]").split(", "))
        if len(causes) > 1
        else message,
        [] if "rejected our request" in message else sorted(json.dumps(cause, sort_keys=True) for cause in causes),
    )


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The kinds of a new cluster."""
    return Schemas.load()


@pytest.fixture(scope="module")
def known(schemas: Schemas) -> Schemas:
    """The kinds of a cluster with the three custom ones."""
    for definition in definitions():
        schemas.add_definition(definition)
    return schemas


def place(schemas: Schemas, kind: str, namespace: str, version: str = "") -> Place:
    """Where a kind of COLLECTIONS lives."""
    group, usual, plural = COLLECTIONS[kind]
    version = version or usual
    found = schemas.kind(group, version, kind)
    assert found is not None
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return Place(found, f"{root}/namespaces/{namespace}/{plural}", namespace)


@pytest.fixture(scope="module")
def quiet(plane: ControlPlane) -> Iterator[str]:
    """A namespace on a plane whose controllers stand still: nobody else writes."""
    name = f"quiet-{secrets.token_hex(3)}"
    plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for definition in definitions():  # another module may have made them
        call(plane, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    for definition in definitions():
        group, plural = GROUP, definition["spec"]["names"]["plural"]
        _wait_for(plane, f"/apis/{group}/v1/namespaces/{name}/{plural}")
    others = [pid for process, pid in plane.pids.items() if process in ("controllers", "mover")]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    yield name
    for pid in others:
        os.kill(pid, signal.SIGCONT)
    plane.request("DELETE", f"/api/v1/namespaces/{name}")


def _wait_for(plane: ControlPlane, path: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if "code" not in call(plane, "GET", path, None):
            return
        time.sleep(0.05)
    raise AssertionError(f"no {path}")


LOOSE: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TEXT: Json = {"type": "string"}


def definitions() -> list[Json]:
    """Custom kinds: without a schema, with one of every list and map type, with defaults and rules, in two versions."""
    spec = _spec_of_every_type()
    return [
        _definition("Loose", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        _definition("Typed", {"type": "object", "properties": {"spec": spec, "status": LOOSE}}, status=True),
        _definition("Ruled", {"type": "object", "required": ["spec"], "properties": {"spec": _ruled_spec()}}),
        _definition("Paired", {"type": "object", "properties": {"spec": spec}}, versions=("v1", "v2")),
    ]


def _spec_of_every_type() -> Json:
    text, number = TEXT, {"type": "integer"}
    item = {"type": "object", "required": ["name"], "properties": {"name": text, "value": text, "count": number}}
    keyed = {
        "type": "object",
        "properties": {"port": number, "protocol": {"type": "string", "default": "TCP"}, "x": text},
    }
    return {
        "type": "object",
        "properties": {
            "text": text,
            "number": number,
            "either": {"x-kubernetes-int-or-string": True},
            "flag": {"type": "boolean"},
            "atomicList": {"type": "array", "items": item, "x-kubernetes-list-type": "atomic"},
            "plainList": {"type": "array", "items": text},
            "set": {"type": "array", "items": text, "x-kubernetes-list-type": "set"},
            "numbers": {"type": "array", "items": number, "x-kubernetes-list-type": "set"},
            "items": {
                "type": "array",
                "items": item,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "ports": {
                "type": "array",
                "items": keyed | {"required": ["port"]},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["port", "protocol"],
            },
            "granular": {"type": "object", "additionalProperties": text},
            "deep": {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": text}},
            "atomicMap": {
                "type": "object",
                "x-kubernetes-map-type": "atomic",
                "properties": {"a": text, "b": text},
            },
            "struct": {"type": "object", "properties": {"a": text, "b": {"type": "object", "properties": {"c": text}}}},
            "free": LOOSE,
            "nullable": {"type": "string", "nullable": True},
        },
    }


def _ruled_spec() -> Json:
    return {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 5},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 4, "minLength": 2},
            "tags": {"type": "array", "items": TEXT, "maxItems": 2, "minItems": 1},
            "nested": {"type": "object", "default": {}, "properties": {"on": {"type": "boolean", "default": True}}},
        },
    }


def _definition(kind: str, schema: Json, *, status: bool = False, versions: tuple[str, ...] = ("v1",)) -> Json:
    plural = f"{kind.lower()}s"
    content: Json = {"schema": {"openAPIV3Schema": schema}} | ({"subresources": {"status": {}}} if status else {})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": name, "served": True, "storage": name == "v1", **content} for name in versions],
        },
    }
