"""A real control plane on loopback: etcd, kube-apiserver and kube-controller-manager of this checkout.

    with ControlPlane() as plane:
        subprocess.run(["kubectl", "--kubeconfig", plane.kubeconfig_path, "get", "namespaces"])

No kubelet and no scheduler: Pods stay Pending unless ``tests.cluster.mover`` runs too. Run as a program
it starts a plane with a mover, prints the path of its kubeconfig and waits for the end of its input:

    python -m tests.cluster.control_plane
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import socket
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.certificates import Certificates
from tests.cluster.plane.build import Binaries, binaries
from tests.cluster.processes import Family
from tests.cluster.tokens import TokenDesk

START_SECONDS = 60.0
MASTERS = "system:masters"
ADMIN, CONTROLLERS, MOVER = "admin", "system:kube-controller-manager", "mover"
CONTROLLER_NAMES = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "replicationcontroller-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "service-cidr-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],  # one line per request: benchmarks count lines
    "rules": [{"level": "Metadata"}],
}


class PlaneFailed(Exception):
    """The control plane did not become ready; the message ends in the guilty process's last lines."""


class ControlPlane:
    """One control plane. Every method blocks; ``async with`` starts and stops it in a thread.

    Attributes:
        url: address of the API server, ``https://127.0.0.1:PORT``; the same after a restart of it.
        ca_file: PEM of the authority that signed its certificate.
        admin_token: bearer token of user ``admin`` in ``system:masters``.
        kubeconfig_path: kubeconfig with that token.
        start_seconds: how long :meth:`start` took.
    """

    def __init__(
        self,
        *,
        audit_log: Path | None = None,
        api_flags: Sequence[str] = (),
        programs: Binaries | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            audit_log: where the API server writes one JSON line per request (level Metadata).
            api_flags: further flags of kube-apiserver, for example ``--max-requests-inflight=10``.
            programs: built when not given.
        """
        self._audit_log = audit_log
        self._api_flags = tuple(api_flags)
        self._programs = programs
        self._tokens = {user: secrets.token_urlsafe(24) for user in (ADMIN, CONTROLLERS, MOVER)}
        self.start_seconds = 0.0

    def start(self) -> None:
        """Start all three and wait until ``default`` and its ServiceAccount exist.

        Raises: PlaneFailed: a process ended or a minute went by. BuildFailed: no programs.
        """
        programs = self._programs = self._programs or binaries()
        began = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix="todoke-plane-"))
        self._family = Family(self._folder)
        self._desk = TokenDesk()
        try:
            self._desk.start()
            self._prepare()
            self._family.start("etcd", [str(programs.etcd), *self._etcd_flags()])
            self._start_server(programs)
            self._start_controllers(programs)
            self._wait(self._has_default_account, "the default ServiceAccount")
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - began
        print(f"control plane ready in {self.start_seconds:.1f} s: {self.url}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """End what :meth:`start` started and remove the temporary folder. May be called twice."""
        self._family.close()
        self._desk.stop()

    def kill_apiserver(self) -> None:
        """End the API server at once, as a crash would. etcd, controllers and mover stay."""
        self._family.end("apiserver")

    def start_apiserver(self) -> None:
        """Start the API server, on its old port with its old store, and wait until it is ready.

        The controllers start anew too, as they do where they lose their lease; the old ones would sit
        out up to a minute of back-off first.
        """
        assert self._programs is not None
        self._start_server(self._programs)
        self._family.end("controllers")
        self._start_controllers(self._programs)

    def start_mover(self, *flags: str) -> None:
        """Start ``tests.cluster.mover`` as a process of its own; returns when its node is Ready."""
        command = [sys.executable, "-m", "tests.cluster.mover", "--kubeconfig", str(self._mover_kubeconfig())]
        root = str(Path(__file__).resolve().parents[2])
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._family.start("mover", [*command, *flags], {"PYTHONPATH": search})
        self._wait(self._has_ready_node, "Ready node of the mover")

    def stop_mover(self) -> None:
        """End the mover; its node and the Pods on it stay as they are."""
        self._family.end("mover", patience_seconds=5)

    def kubeconfig(self, user: str = ADMIN, groups: Iterable[str] = ()) -> Path:
        """Path of a kubeconfig with a bearer token for this user; ``admin`` is in ``system:masters``."""
        return self._write_kubeconfig(user, self.token(user, groups))

    def token(self, user: str = ADMIN, groups: Iterable[str] = ()) -> str:
        """A bearer token for this user in these groups, good at once and as long as the plane lives."""
        if user in self._tokens:
            return self._tokens[user]
        return self._desk.issue(user, tuple(groups))

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """The decoded answer to one request of ``admin``, for set-up outside an event loop.

        Raises: urllib.error.HTTPError: the server said no. OSError: it is not there.
        """
        headers = {"Authorization": f"Bearer {self.admin_token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def memory_mb(self) -> dict[str, int]:
        """Resident memory by process name, in MB."""
        found = {}
        for name, pid in self.pids.items():
            fields = dict(
                line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
            )
            found[name] = int(fields["VmRSS"].split()[0]) // 1024
        return found

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids of those that run: ``etcd``, ``apiserver``, ``controllers``, ``mover``."""
        return self._family.pids

    @property
    def admin_token(self) -> str:
        """Bearer token of ``admin``."""
        return self._tokens[ADMIN]

    @property
    def kubeconfig_path(self) -> Path:
        """Kubeconfig of ``admin``."""
        return self._folder / "admin.kubeconfig"

    @property
    def kubectl(self) -> Path:
        """The kubectl that was built with the API server."""
        assert self._programs is not None
        return self._programs.kubectl

    def log_tail(self, name: str) -> str:
        """The last lines of one process, by its name in :attr:`pids`."""
        return self._family.tail(name, lines=40)

    def _prepare(self) -> None:
        """Choose ports, make certificates, write every file the processes read."""
        self._etcd_port, self._etcd_peer_port, port = _free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        self._port = port
        self._certificates = Certificates.make(self._folder)
        self.ca_file = self._certificates.ca
        self._trust = ssl.create_default_context(cafile=str(self.ca_file))
        rows = [f'{token},{user},{user},"{MASTERS}"' for user, token in self._tokens.items()]
        (self._folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        self._desk.write_webhook_config(self._folder / "desk.json")
        (self._folder / "audit.json").write_text(json.dumps(AUDIT_POLICY))
        self._write_kubeconfig(ADMIN, self.admin_token)

    def _write_kubeconfig(self, user: str, token: str) -> Path:
        """JSON, which is YAML: readable by whatever reads a kubeconfig."""
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "plane", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": user}}],
            "current-context": "plane",
        }
        suffix = "" if user in self._tokens else f".{abs(hash(token)):x}"
        path = self._folder / f"{user.replace(':', '_').replace('/', '_')}{suffix}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config, indent=2))
        return path

    def _mover_kubeconfig(self) -> Path:
        return self._write_kubeconfig(MOVER, self._tokens[MOVER])

    def _start_server(self, programs: Binaries) -> None:
        flags = [f"--{flag}" for flag in self._server_flags()]
        self._family.start("apiserver", [str(programs.kube_apiserver), *flags, *self._api_flags])
        self._wait(self._is_ready, "/readyz")

    def _start_controllers(self, programs: Binaries) -> None:
        flags = [f"--{flag}" for flag in self._controller_flags()]
        self._family.start("controllers", [str(programs.kube_controller_manager), *flags])

    def _etcd_flags(self) -> list[str]:
        client = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._etcd_peer_port}"
        return [
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # the data dies with the tests anyway
            "--snapshot-count=10000",
            "--log-level=warn",
        ]

    def _server_flags(self) -> list[str]:
        folder, certificates = self._folder, self._certificates
        flags = [
            f"etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"secure-port={self._port}",
            "bind-address=127.0.0.1",
            "advertise-address=127.0.0.1",
            "endpoint-reconciler-type=none",  # a loopback address may not stand in Endpoints
            "service-cluster-ip-range=10.96.0.0/16",
            f"tls-cert-file={certificates.serving}",
            f"tls-private-key-file={certificates.serving_key}",
            f"client-ca-file={certificates.ca}",
            f"token-auth-file={folder / 'tokens.csv'}",
            f"authentication-token-webhook-config-file={folder / 'desk.json'}",
            "authentication-token-webhook-version=v1",
            "authentication-token-webhook-cache-ttl=1h",
            "authorization-mode=RBAC,Node",
            "service-account-issuer=https://kubernetes.default.svc",
            f"service-account-key-file={certificates.tokens_key}",
            f"service-account-signing-key-file={certificates.tokens_key}",
            "allow-privileged=true",
            "disable-admission-plugins=TaintNodesByCondition",  # nothing here would lift its taint
            "profiling=false",
        ]
        if self._audit_log is not None:
            flags += [
                f"audit-policy-file={folder / 'audit.json'}",
                f"audit-log-path={self._audit_log.resolve()}",
            ]
        return flags

    def _controller_flags(self) -> list[str]:
        return [
            f"kubeconfig={self._write_kubeconfig(CONTROLLERS, self._tokens[CONTROLLERS])}",
            f"controllers={','.join(CONTROLLER_NAMES)}",
            "leader-elect=false",
            "secure-port=0",
            f"root-ca-file={self._certificates.ca}",
            f"service-account-private-key-file={self._certificates.tokens_key}",
            "kube-api-qps=1000",  # the default of 20 makes a hundred Deployments take a minute
            "kube-api-burst=2000",
            "concurrent-namespace-syncs=20",
            "profiling=false",
        ]

    def _is_ready(self) -> bool:
        return bool(self.request("GET", "/readyz") == "ok")

    def _has_default_account(self) -> bool:
        return bool(self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default"))

    def _has_ready_node(self) -> bool:
        nodes = self.request("GET", "/api/v1/nodes")["items"]
        return any(node["status"].get("conditions") for node in nodes)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if condition():
                    return
            except OSError:  # also what HTTPError is: not there, or not ready yet
                pass
            for name, code in self._family.ended().items():
                raise PlaneFailed(f"{name} ended with {code}:\n{self._family.tail(name)}")
            if time.monotonic() > deadline:
                tails = "\n".join(f"{name}:\n{self._family.tail(name, 5)}" for name in self.pids)
                raise PlaneFailed(f"no {what} after {START_SECONDS:.0f} s\n{tails}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on, below those the kernel lends to outgoing connections.

    A port from the lent range could be taken while the API server is away.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randint(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


if __name__ == "__main__":
    with ControlPlane() as running:
        running.start_mover()
        print(running.kubeconfig_path, flush=True)
        sys.stdin.read()
