"""Scenarios from YAML: requests, what is waited for, and what the cluster looks like when it has settled.

A step is one of these, with the object as `resource/name`:
    apply, create: resource, and the body as `body`
    patch:         a merge patch, or a list as JSON patch, as `body`; `subresource`
    delete:        with DeleteOptions as `options`
    until:         waits for paths of the object to have values, given as `is`; null for a path that is not there
    gone:          waits until the object is not there
    count:         waits until a resource has this many objects, given as `is`
    own:           makes an object with the owners in `by`; `block` and `finalizers` as in its metadata
    compare:       a list of resources that have to look the same on both sides
    look:          one object that has to look the same on both sides
NAMESPACE stands for the name of the namespace.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from tests.cluster.waiting import until
from tests.sandbox.controllers.worlds import Json, World

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ADDRESS = re.compile(r"\b10\.\d+\.\d+\.\d+\b")
_CONTAINER = re.compile(r"containerd://[0-9a-f]+")
_SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_UNORDERED = ("endpoints", "endpointslices.discovery.k8s.io", "deployments.apps")
"""Their lists come in no certain order on the real cluster: conditions are in the order of their last change."""
_OF_SERVER = ("resourceVersion", "creationTimestamp", "managedFields", "generateName")
_NODES = {"mover": "sandbox"}
_OUTSIDE = ("kubelet", "default-scheduler", "persistentvolume-controller")
"""Who tells events that have no counterpart where the mover does the work."""
_KEY_OF_OWNER = re.compile(r'k:\{\\"uid\\":\\"[^"]*\\"\}')
_WRITTEN_BY_CHANCE = ("Endpoints", "EndpointSlice")
"""The real controller writes as often as it happens to look, and dates a change only when its second is a new one."""
_NODE_MANAGERS = ("kubelet", "kube-scheduler", "ingress-controller", "cloud-controller-manager")
_WRITERS = re.compile(r"^Python(-.*)?$")


async def play(world: World, step: Json) -> None:
    """Carry out one step, or wait for what it says. A comparison is not played here."""
    (verb,) = step.keys() & {"apply", "create", "patch", "delete", "until", "gone", "count", "own"}
    resource, _, name = step[verb].replace("NAMESPACE", world.namespace).partition("/")
    match verb:
        case "apply":
            await world.apply(resource, step["body"])
        case "create":
            await world.create(resource, step["body"])
        case "patch":
            await world.patch(resource, name, step["body"], step.get("subresource", ""))
        case "delete":
            await world.delete(resource, name, step.get("options", {}))
        case "until":
            await until(
                lambda: world.get(resource, name), lambda found: _has(found, step["is"]), step.get("seconds", 20)
            )
        case "gone":
            await until(lambda: world.get(resource, name), lambda found: found is None)
        case "own":
            await world.create(resource, await _owned(world, name, step))
        case "count":
            await until(lambda: world.list(resource), lambda found: len(found) == step["is"])


async def _owned(world: World, name: str, step: Json) -> Json:
    refs = []
    for place in step["by"]:
        resource, _, owner = place.partition("/")
        found = await world.get(resource, owner)
        assert found is not None, place
        ref = {"apiVersion": found["apiVersion"], "kind": found["kind"], "name": owner, "uid": found["metadata"]["uid"]}
        refs.append(ref | ({"blockOwnerDeletion": True} if step.get("block") else {}))
    return {"metadata": {"name": name, "ownerReferences": refs, "finalizers": step.get("finalizers", [])}}


def _has(found: Json | None, wanted: Json) -> bool:
    return found is not None and all(value_at(found, path) == value for path, value in wanted.items())


def value_at(body: Any, path: str) -> Any:
    """The value at a dotted path; `conditions[Ready]` is the item of that type."""
    for part in path.split("."):
        name, _, kind = part.partition("[")
        body = body.get(name) if isinstance(body, dict) else None
        if kind:
            body = next((item for item in body or () if item.get("type") == kind.rstrip("]")), None)
    return body


async def look(world: World, resources: list[str]) -> dict[str, list[Json]]:
    """All objects of these resources, without what differs from cluster to cluster."""
    hashes = await _hashes(world)
    found = {}
    for resource in resources:
        bodies = await world.list(resource)
        if resource == "events":
            bodies = [body for body in bodies if body["reportingComponent"] not in _OUTSIDE]
            seen = {json.dumps(_event(body, world, hashes), sort_keys=True) for body in bodies}
            found[resource] = [json.loads(text) for text in sorted(seen)]
        else:
            masked = [_masked(body, world, hashes) for body in bodies]
            if resource in _UNORDERED:
                masked = [_in_order(body) for body in masked]
            found[resource] = sorted(masked, key=_order)
    return found


def _order(body: Any) -> str:
    return json.dumps(body, sort_keys=True)


def _in_order(body: Any) -> Any:
    """With all lists sorted."""
    if isinstance(body, dict):
        return {name: _in_order(value) for name, value in body.items()}
    return sorted(map(_in_order, body), key=_order) if isinstance(body, list) else body


async def look_at(world: World, place: str) -> Json | None:
    """One object, without what differs from cluster to cluster."""
    resource, _, name = place.replace("NAMESPACE", world.namespace).partition("/")
    found = await world.get(resource, name)
    return None if found is None else _masked(found, world, {})


async def _hashes(world: World) -> dict[str, str]:
    """What stands for the hashes in names, by the revision they belong to."""
    names = {}
    for body in await world.list("replicasets.apps"):
        if hashed := (body["metadata"].get("labels") or {}).get("pod-template-hash"):
            number = (body["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
            names[hashed] = f"HASH{number}"
    for body in await world.list("controllerrevisions.apps"):
        names[body["metadata"]["name"].rpartition("-")[2]] = f"HASH{body['revision']}"
    return names


def _event(body: Json, world: World, hashes: dict[str, str]) -> Json:
    about = body["involvedObject"]
    kept = {name: body[name] for name in ("type", "reason", "message", "reportingComponent", "source")}
    kept["about"] = f"{about['kind']}/{about['name']}"
    return json.loads(_text(kept, world, hashes))


def _masked(body: Json, world: World, hashes: dict[str, str]) -> Json:
    metadata = {name: value for name, value in body["metadata"].items() if name not in _OF_SERVER}
    if body["kind"] in _WRITTEN_BY_CHANCE:
        for name in ("generation", "annotations"):
            metadata.pop(name, None)
    entries = body["metadata"].get("managedFields") or ()
    metadata["held by"] = sorted({_held(entry, body["kind"]) for entry in entries})
    if "generateName" in body["metadata"]:
        metadata["name"] = re.sub(f"{_SUFFIX}$", "*", metadata["name"])
    return json.loads(_text({**body, "metadata": metadata}, world, hashes))


def _held(entry: Json, kind: str) -> str:
    """Who holds fields, and which: on the real cluster the mover stands for kubelet, scheduler and provisioners."""
    manager = _WRITERS.sub("node", entry["manager"])
    manager = "node" if manager in _NODE_MANAGERS else manager
    fields = ""
    if manager == "kube-controller-manager" and kind not in _WRITTEN_BY_CHANCE:
        fields = _KEY_OF_OWNER.sub("OWNER", json.dumps(entry["fieldsV1"], sort_keys=True))
    return f"{manager} {entry['operation']} {entry.get('subresource', '')} {fields}".strip()


def _text(body: Json, world: World, hashes: dict[str, str]) -> str:
    text = json.dumps(body)
    for hashed, name in hashes.items():
        text = text.replace(hashed, name)
    text = text.replace(world.namespace, "NAMESPACE")
    for pattern, name in ((_TIME, "TIME"), (_UID, "UID"), (_CONTAINER, "CONTAINER"), (_ADDRESS, "ADDRESS")):
        text = pattern.sub(name, text)
    for node, name in _NODES.items():
        text = text.replace(f'"{node}"', f'"{name}"')
    text = re.sub(rf"(HASH\d+)-{_SUFFIX}\b", r"\1-*", text)
    text = re.sub(rf"kube-api-access-{_SUFFIX}\b", "kube-api-access-*", text)
    text = re.sub(rf"(NAMESPACE/[-\w]*?)-{_SUFFIX}\b", r"\1-*", text)
    text = re.sub(r'("nodePort"): \d+', r'\1: "PORT"', text)
    text = re.sub(r'("ca.crt"): "[^"]*"', r'\1: "PEM"', text)
    text = re.sub(rf'"((?:Created|Deleted) pod: [-\w*]*?)-{_SUFFIX}"', r'"\1-*"', text)
    return re.sub(r'"(mover|pvc)-UID"', '"VOLUME"', text)


async def same(mine: World, real: World, step: Json) -> None:
    """Wait until both clusters look the same; the assertion shows where they do not."""

    async def both() -> tuple[Any, Any]:
        if "look" in step:
            return await look_at(mine, step["look"]), await look_at(real, step["look"])
        return await look(mine, step["compare"]), await look(real, step["compare"])

    with contextlib.suppress(AssertionError):
        await until(both, lambda seen: seen[0] == seen[1], 10)
    left, right = await both()
    assert left == right, "\n".join(differences(left, right))


def differences(mine: Any, real: Any, path: str = "") -> list[str]:
    """Where two looks differ, a line for each place."""
    if mine == real:
        return []
    if isinstance(mine, dict) and isinstance(real, dict):
        names = sorted({*mine, *real})
        return [line for name in names for line in differences(mine.get(name), real.get(name), f"{path}.{name}")]
    if isinstance(mine, list) and isinstance(real, list) and len(mine) == len(real):
        pairs = enumerate(zip(mine, real, strict=True))
        return [line for number, (a, b) in pairs for line in differences(a, b, f"{path}[{number}]")]
    return [f"{path}: sandbox {json.dumps(mine)}", f"{path}: real    {json.dumps(real)}"]
