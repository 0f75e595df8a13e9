"""kubectl reads our OpenAPI documents: from a server that has nothing but them and its list of kinds."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.sandbox.conftest import GROUP, definitions
from todoke_sandbox.schema.loader import Schemas

RESOURCES = {
    "/api/v1": [("services", "Service")],
    "/apis/apps/v1": [("deployments", "Deployment")],
    f"/apis/{GROUP}/v1": [("typeds", "Typed")],
}


@pytest.fixture
def address(schemas: Schemas) -> Iterator[str]:
    for definition in definitions():
        schemas.add_definition(definition)

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(schemas, self.path.partition("?")[0])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Documents) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def answer(schemas: Schemas, path: str) -> bytes | None:
    """What a server says to discovery."""
    if path == "/api":
        return json.dumps({"kind": "APIVersions", "versions": ["v1"]}).encode()
    if path == "/apis":
        groups = [("apps", "apps/v1"), (GROUP, f"{GROUP}/v1")]
        listed = [{"name": n, "versions": [{"groupVersion": v, "version": "v1"}]} for n, v in groups]
        return json.dumps({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}).encode()
    if path in RESOURCES:
        group_version = path.removeprefix("/apis/").removeprefix("/api/")
        found = [
            {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": ["get", "list"]}
            for plural, kind in RESOURCES[path]
        ]
        listing = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": found}
        return json.dumps(listing).encode()
    if path == "/openapi/v3":
        return json.dumps(
            {"paths": {name[1:]: {"serverRelativeURL": f"/openapi/v3{name}?hash=1"} for name in RESOURCES}}
        ).encode()
    if path.startswith("/openapi/v3/"):
        parts = path.removeprefix("/openapi/v3/").split("/")
        return schemas.openapi_v3("" if parts[0] == "api" else parts[1], parts[-1])
    return None


@pytest.mark.plane
@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("deployment", ["KIND:       Deployment", "Specification of the desired behavior", "spec\t<DeploymentSpec>"]),
        (
            "deployment.spec.template.spec.containers.ports",
            ["containerPort\t<integer> -required-", "<[]ContainerPort>"],
        ),
        ("service.spec.ports.targetPort", ["IntOrString"]),
        ("typed.spec.items", ["count\t<integer>", "name\t<string> -required-", "GROUP:      sandbox.todoke.dev"]),
        ("typed.metadata.labels", ["map[string]string", "Map of string keys and values"]),
    ],
)
def test_kubectl_explains(plane: ControlPlane, address: str, tmp_path: Path, field: str, words: list[str]) -> None:
    command = [str(plane.kubectl), "--server", address, "--cache-dir", str(tmp_path), "explain", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert [word for word in words if word not in done.stdout] == [], done.stdout


def test_a_document_is_made_once(schemas: Schemas) -> None:
    assert schemas.openapi_v3("apps", "v1") is schemas.openapi_v3("apps", "v1")


def test_every_reference_of_every_document_is_answered(schemas: Schemas) -> None:
    for group, version in schemas.group_versions():
        document = json.loads(schemas.openapi_v3(group, version))
        known = set(document["components"]["schemas"])
        assert {ref.rpartition("/")[2] for ref in references(document)} <= known, (group, version)


def references(value: object) -> Iterator[str]:
    """Every `$ref`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str):
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
