"""The sandbox in the place of a real control plane: what runs on the one runs on the other.

    with SandboxPlane() as plane:
        plane.request("GET", "/api/v1/namespaces")

It is a process of its own, so that tests block it as little as they block a real one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.cluster.plane.build import binaries
from tests.cluster.processes import Family

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
START_SECONDS = 30.0


class SandboxPlane:
    """One sandbox.

    Attributes:
        url: its address. kubeconfig_path: kubeconfig of `admin`, its context named `plane` as on the real one.
    """

    def __init__(self, *flags: str) -> None:
        """Nothing runs yet. Args: flags: of `python -m todoke_sandbox`."""
        self._flags = flags

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._folder = Path(tempfile.mkdtemp(prefix="todoke-sandbox-"))
        self._family = Family(self._folder)
        own = self._folder / "own.kubeconfig"
        command = [sys.executable, "-m", "todoke_sandbox", "--kubeconfig", str(own), *self._flags]
        self._family.start("sandbox", command, {"PYTHONPATH": SOURCE})
        deadline = time.monotonic() + START_SECONDS
        while not own.exists():  # it is written once the sandbox answers
            assert not self._family.ended(), self._family.tail("sandbox")
            assert time.monotonic() < deadline, f"the sandbox does not start: {self._family.tail('sandbox')}"
            time.sleep(0.01)
        config = yaml.safe_load(own.read_text())
        self._cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url, self._token = self._cluster["server"], user["token"]
        authority = self._folder / "ca.crt"
        authority.write_bytes(base64.b64decode(self._cluster["certificate-authority-data"]))
        self._cluster = {"server": self.url, "certificate-authority": str(authority)}
        self._trust = ssl.create_default_context(cafile=str(authority))
        self.kubeconfig_path = self._write(user, "admin")

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self._family.close()

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """The decoded answer to one request of `admin`.

        Raises: urllib.error.HTTPError: the server said no.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def kubeconfig(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Kubeconfig of a ServiceAccount, named as its user; its groups follow from that. It is made if need be."""
        _, kind, namespace, name = user.split(":")
        assert kind == "serviceaccount", f"the sandbox has no tokens for {user}"
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        try:
            self.request("POST", accounts, {"metadata": {"name": name}})
        except urllib.error.HTTPError as error:
            error.close()
            assert error.code == 409, error
        answer = self.request("POST", f"{accounts}/{name}/token", {"spec": {"expirationSeconds": 3600}})
        return self._write({"token": answer["status"]["token"]}, secrets.token_hex(4))

    @property
    def kubectl(self) -> Path:
        """The real kubectl."""
        return binaries().kubectl

    @property
    def pids(self) -> dict[str, int]:
        """Process ids: `sandbox`."""
        return dict(self._family.pids)

    def _write(self, user: dict[str, Any], name: str) -> Path:
        path = self._folder / f"{name}.kubeconfig"
        context = {"cluster": "plane", "user": name}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "plane", "cluster": self._cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "plane", "context": context}],
            "current-context": "plane",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: hasattr(self, "_family") and self.stop())
            self.start()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
