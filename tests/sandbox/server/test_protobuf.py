"""Bodies in protobuf: what the real server writes is read as the JSON that it writes of the same object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cases import load
from tests.sandbox.contract.player import TYPES, Server
from tests.sandbox.server.comparing import filled
from tests.sandbox.server.serving import Serving, refusal
from todoke_sandbox.registry import builtin
from todoke_sandbox.registry.resources import Registry
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.server.protobuf import MAGIC, BadProtobuf, decode

Json = dict[str, Any]

PROTOBUF = "application/vnd.kubernetes.protobuf"
CONFIG_MAP = (
    MAGIC
    + bytes.fromhex(
        "0a0f0a02763112"  # the envelope: apiVersion v1 ...
        "09436f6e6669674d6170"  # ... kind ConfigMap
        "1214"  # the object:
        "0a0a0a0873657474696e6773"  # metadata.name: settings
        "12060a016112016201"[:-2]  # data: a: b
    )
)


def test_an_object_is_read() -> None:
    assert decode(CONFIG_MAP) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"a": "b"},
    }


def test_an_object_is_made(serving: Serving, place: str) -> None:
    import urllib.request

    request = urllib.request.Request(
        f"{serving.url}/api/v1/namespaces/{place}/configmaps",
        CONFIG_MAP,
        {"Authorization": f"Bearer {serving.admin.token}", "Content-Type": PROTOBUF},
    )
    with urllib.request.urlopen(request, context=serving.trust) as answer:
        assert answer.status == 201
    assert serving.admin.ask("GET", f"/api/v1/namespaces/{place}/configmaps/settings").body["data"] == {"a": "b"}


BROKEN = {
    "empty": b"",
    "json": b"{}",
    "no envelope": MAGIC,
    "cut off": CONFIG_MAP[:-3],
    "noise": MAGIC + b"\xff" * 40,
    "unknown version": CONFIG_MAP.replace(b"v1", b"v9"),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(BadProtobuf):
        decode(body)


def test_a_refusal_says_what_to_send(serving: Serving, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps"
    code, _, message = refusal(serving.admin.ask("POST", path, "nonsense", {"Content-Type": PROTOBUF}))
    assert code == 400
    assert "must be of type ConfigMap" in message


@pytest.mark.plane
def test_every_kind_is_read_as_the_real_server_writes_it(real: Server, quiet: str, schemas: Schemas) -> None:
    registry = Registry(schemas, builtin.resources(schemas))
    real.ask("POST", f"/api/v1/namespaces/{quiet}/serviceaccounts", {"metadata": {"name": "default"}})
    bodies = load((Path(__file__).parent / "cases" / "protobuf.yaml").read_text())
    for number, one in enumerate(filled(bodies, {"ns": quiet})):
        body = {**one["body"], "metadata": {**(one["body"].get("metadata") or {}), "name": f"protobuf-{number}"}}
        made = real.ask("POST", one["path"], body)
        assert made.status == 201, made.body
        path = f"{one['path']}/{body['metadata']['name']}"
        try:
            if "status" in one:
                real.ask("PATCH", f"{path}/status", {"status": one["status"]}, {"Content-Type": TYPES["merge"]})
            theirs = real.ask("GET", path).body
            read = decode(real.ask("GET", path, headers={"Accept": PROTOBUF}).content)
            parts = one["path"].strip("/").split("/")
            group, version = ("", "v1") if parts[0] == "api" else (parts[1], parts[2])
            resource = registry.find(group, version, parts[-1])
            assert resource is not None
            assert resource.kind.read(read)[0] == resource.kind.read(theirs)[0], path
        finally:
            real.ask("DELETE", f"{path}?gracePeriodSeconds=0")
