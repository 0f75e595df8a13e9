"""How to reach one API server: kubeconfig (as kubectl reads it) or the Pod's own ServiceAccount."""

import asyncio
import base64
import contextlib
import os
import ssl
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked, Unreachable

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_AGE = 60.0  # seconds after which a token file is read again: projected tokens rotate
_EXEC_TIMEOUT = 60.0
_SECONDS_TO_DIE = 5.0


class Connection(msgspec.Struct, frozen=True):
    """Everything needed to speak to one API server; secrets do not show in its repr."""

    server: str
    context: str  # as a person knows it: the kubeconfig context, or "in-cluster"
    namespace: str = "default"
    ca_file: str = ""
    ca_data: str = ""
    insecure: bool = False
    server_name: str = ""
    proxy: str = ""
    certificate: SecretText = SecretText()
    key: SecretText = SecretText()
    token: SecretText = SecretText()
    token_file: str = ""
    exec_plugin: dict[str, Any] | None = None


def load(kubeconfig: str = "", context: str = "") -> Connection:
    """The connection for a kubeconfig path (else `$KUBECONFIG`, `~/.kube/config`), or the one of the Pod we run in.

    Raises:
        Blocked: no configuration is found, or it names a context, cluster or user that it does not hold.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG", "")
    paths = [Path(part) for part in named.split(os.pathsep) if part] or [Path.home() / ".kube" / "config"]
    present = [path for path in paths if path.is_file()]
    if not present:
        if not named and (SERVICE_ACCOUNT / "token").is_file():
            return in_cluster(os.environ)
        raise Blocked(
            "kubeconfig",
            f"no file at {', '.join(map(str, paths))}",
            next_step="Pass --kubeconfig or set KUBECONFIG",
        )
    try:
        return _from_files(present, context)
    except (yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise Blocked(
            f"kubeconfig {present[0]}",
            f"it cannot be read as one: {' '.join(str(error).split())[:300]}",
            next_step="Correct it, or name another with --kubeconfig",
        ) from error


def in_cluster(environ: Mapping[str, str]) -> Connection:
    """The connection of a Pod: its ServiceAccount's token, re-read as it rotates."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise Blocked(
            "in-cluster configuration",
            "KUBERNETES_SERVICE_HOST is not set",
            next_step="Pass --kubeconfig when running outside a cluster",
        )
    host = f"[{host}]" if ":" in host else host
    return Connection(
        server=f"https://{host}:{port}",
        context="in-cluster",
        namespace=(SERVICE_ACCOUNT / "namespace").read_text().strip(),
        ca_file=str(SERVICE_ACCOUNT / "ca.crt"),
        token_file=str(SERVICE_ACCOUNT / "token"),
    )


def _from_files(paths: list[Path], wanted: str) -> Connection:
    merged: dict[str, dict[str, Any]] = {"clusters": {}, "users": {}, "contexts": {}}
    current = ""
    for path in paths:
        document = yaml.safe_load(path.read_text()) or {}
        current = current or document.get("current-context", "")
        for section, entry_name in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
            for entry in document.get(section) or ():
                body = dict(entry.get(entry_name) or {}, _folder=str(path.parent))
                merged[section].setdefault(entry["name"], body)
    name = wanted or current
    context = _pick(merged["contexts"], "context", name, paths)
    cluster = _pick(merged["clusters"], "cluster", context.get("cluster", ""), paths)
    user = _pick(merged["users"], "user", context.get("user", ""), paths) if context.get("user") else {}
    return _connection(name, context, cluster, user)


def _pick(section: dict[str, Any], what: str, name: str, paths: list[Path]) -> dict[str, Any]:
    if name in section:
        found: dict[str, Any] = section[name]
        return found
    there = ", ".join(sorted(section)) or "none"
    raise Blocked(f"kubeconfig {paths[0]}", f'there is no {what} "{name}"', next_step=f"It holds: {there}")


def _connection(name: str, context: dict[str, Any], cluster: dict[str, Any], user: dict[str, Any]) -> Connection:
    for field in ("as", "as-uid", "as-groups", "as-user-extra", "auth-provider", "username"):
        if user.get(field):  # without it we would be somebody else than kubectl is
            problem = "it is not supported by this version"
            raise Blocked(f"context {name}", problem, field=f"user.{field}", next_step="Name another with --context")
    return Connection(
        server=str(cluster.get("server", "")).rstrip("/"),
        context=name,
        namespace=context.get("namespace") or "default",
        ca_file=_beside(cluster, "certificate-authority"),
        ca_data=_decoded(cluster.get("certificate-authority-data")),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name", ""),
        proxy=cluster.get("proxy-url", ""),
        certificate=_text(user, "client-certificate"),
        key=_text(user, "client-key"),
        token=SecretText(user.get("token", "")),
        token_file=_beside(user, "tokenFile"),
        exec_plugin=user.get("exec"),
    )


def _beside(section: dict[str, Any], field: str) -> str:
    value = section.get(field)
    return str(Path(section["_folder"]) / value) if value else ""


def _decoded(value: str | None) -> str:
    return base64.b64decode(value).decode() if value else ""


def _text(user: dict[str, Any], field: str) -> SecretText:
    if data := user.get(f"{field}-data"):
        return SecretText(_decoded(data))
    path = _beside(user, field)
    return SecretText(Path(path).read_text() if path else "")


def tls(connection: Connection) -> ssl.SSLContext:
    """The TLS context: the cluster's authority, and the client certificate when there is one.

    Raises:
        Blocked: one of them is not there, or is no certificate.
    """
    where = f"context {connection.context}"
    try:
        context = ssl.create_default_context(cafile=connection.ca_file or None, cadata=connection.ca_data or None)
    except OSError as error:  # also what SSLError is
        problem = f"the certificate authority {connection.ca_file} cannot be used: {error}"
        raise Blocked(where, problem, field="cluster.certificate-authority") from error
    if connection.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if connection.certificate:
        try:
            _load_certificate(context, connection.certificate, connection.key)
        except OSError as error:
            problem = f"it cannot be used: {error}"
            raise Blocked(where, problem, field="user.client-certificate") from error
    return context


def _load_certificate(context: ssl.SSLContext, certificate: SecretText, key: SecretText) -> None:
    # The ssl module reads certificates from files only; this one is private and gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate.reveal()}\n{key.reveal()}")
        file.flush()
        context.load_cert_chain(file.name)


class Bearer:
    """The token to send: fixed, from a rotating file, or from an exec plugin (client.authentication.k8s.io)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token, self._until = connection.token, float("inf") if connection.token else 0.0
        self._renewing = asyncio.Lock()

    async def header(self) -> str:
        """The Authorization header's value, or "" when the client certificate is all there is."""
        if time.monotonic() >= self._until:
            async with self._renewing:  # all requests that come now share one answer
                if time.monotonic() >= self._until:
                    await self._renew()
        return f"Bearer {self._token.reveal()}" if self._token else ""

    def forget(self) -> None:
        """Ask for a new token before the next request (the server answered 401)."""
        if not self._connection.token:
            self._until = 0.0

    async def _renew(self) -> None:
        if self._connection.token_file:
            try:
                self._token = SecretText(Path(self._connection.token_file).read_text().strip())  # noqa: ASYNC240 -- a few hundred bytes of tmpfs
            except OSError as error:
                raise Unreachable(f"token file {self._connection.token_file}", str(error.strerror)) from error
            self._until = time.monotonic() + _TOKEN_AGE
        elif self._connection.exec_plugin:
            status = await _run_plugin(self._connection.exec_plugin)
            if not status.get("token"):
                problem = "it gives no token, and nothing else is supported by this version"
                raise Blocked("kubeconfig", problem, field="user.exec")
            self._token, self._until = SecretText(status.get("token", "")), time.monotonic() + _TOKEN_AGE
        else:
            self._until = float("inf")


async def _run_plugin(plugin: dict[str, Any]) -> dict[str, Any]:
    command = [plugin["command"], *(plugin.get("args") or ())]
    info = {
        "apiVersion": plugin.get("apiVersion", "client.authentication.k8s.io/v1"),
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    environ = dict(os.environ, KUBERNETES_EXEC_INFO=msgspec.json.encode(info).decode())
    environ.update({entry["name"]: entry["value"] for entry in plugin.get("env") or ()})
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await _answer_of(process)
        if process.returncode:
            raise Blocked(
                "kubeconfig",
                f"{command[0]} failed: {err.decode(errors='replace')[:300].strip()}",
                field="user.exec",
                next_step="Run it by hand to see why",
            )
        status: dict[str, Any] = msgspec.json.decode(out, type=dict[str, Any]).get("status") or {}
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise Blocked(
            "kubeconfig",
            f"the program {command[0]} " + ("is not installed" if missing else f"cannot be run: {error.strerror}"),
            field="user.exec.command",
            next_step=plugin.get("installHint", ""),
        ) from error
    except msgspec.DecodeError as error:
        raise Blocked("kubeconfig", f"{command[0]} did not print an ExecCredential", field="user.exec") from error
    return status


async def _answer_of(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """What a program prints; it is ended when it takes too long, or when we are cancelled."""
    try:
        async with asyncio.timeout(_EXEC_TIMEOUT):
            return await process.communicate()
    except TimeoutError:
        raise Blocked("kubeconfig", f"no answer in {_EXEC_TIMEOUT:.0f} s", field="user.exec") from None
    finally:
        if process.returncode is None:
            process.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS_TO_DIE):
                    await process.communicate()
