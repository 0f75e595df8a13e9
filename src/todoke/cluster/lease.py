"""One process at a time acts for a control namespace: a Lease, renewed, and checked before every write.

Source of the object: Kubernetes, coordination.k8s.io/v1 Lease. Whether another holder is alive is judged by our own
monotonic clock alone: its clock may be wrong.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from todoke.cluster.client import KubeClient
from todoke.cluster.refusals import refusal
from todoke.model.errors import Blocked, DeliveryError, Missing, NotReady, Unreachable

log = logging.getLogger(__name__)

_JSON = {"Content-Type": "application/json"}
_SECONDS = 15.0
_RENEW = 5.0
_LOOK = 1.0
_MARGIN = 2.0  # no write begins this close to the end: a request may take a moment


class Lease:
    """The right to write. `left` is asked before each write."""

    def __init__(self, client: KubeClient, namespace: str, identity: str, now: Callable[[], datetime]) -> None:
        self._client, self._identity, self._now = client, identity, now
        self._namespace = namespace
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._until = float("-inf")
        self._held: dict[str, Any] = {}

    def left(self) -> float:
        """For how many seconds a write that begins now is covered; 0 or less: not at all."""
        return self._until - _MARGIN - time.monotonic()

    async def acquire(self, tell: Callable[[str], None]) -> None:
        """Wait until the Lease is ours; `tell` is told once whom we wait for.

        Raises:
            Blocked: the namespace is missing, or the right to its Leases is.
        """
        seen: tuple[str, float] = ("", time.monotonic())
        told = False
        while True:
            began = time.monotonic()
            found = await self._read()
            spec = (found or {}).get("spec") or {}
            holder = spec.get("holderIdentity") or ""
            mark = f"{holder} {spec.get('renewTime')}"
            if mark != seen[0]:
                seen = (mark, began)
            expired = began - seen[1] > float(spec.get("leaseDurationSeconds") or _SECONDS)
            if holder in ("", self._identity) or expired:
                if await self._take(found, began):
                    return
            elif not told:
                tell(f"todoke waits: {holder} acts for the namespace {self._namespace}")
                told = True
            await asyncio.sleep(_LOOK)

    async def keep(self) -> None:
        """Renew for ever.

        Raises:
            Unreachable: the Lease is lost: another took it, or it could not be renewed in time.
        """
        pause = _RENEW
        while True:
            await asyncio.sleep(pause)
            began, pause = time.monotonic(), _RENEW
            try:
                async with asyncio.timeout(_RENEW):
                    renewed = await self._renewed(began)
            except (DeliveryError, TimeoutError) as error:
                log.warning("lease not renewed", extra={"error": str(error) or "no answer"})
                renewed, pause = time.monotonic() < self._until, _LOOK
            if not renewed:
                raise Unreachable(
                    f"Lease/{self._namespace}/todoke", "it was lost to another process, or not renewed in time"
                )

    async def _renewed(self, began: float) -> bool:
        """Renew. What we hold may be stale though nobody took it: the answer to the last renewal was lost."""
        if await self._take(self._held, began):
            return True
        found = await self._read()
        ours = ((found or {}).get("spec") or {}).get("holderIdentity") == self._identity
        return ours and await self._take(found, began)

    async def release(self) -> None:
        """Give it back, so that a successor need not wait. Failures do not matter: it expires by itself."""
        if self.left() <= 0:
            return
        self._until = float("-inf")
        spec = dict(self._held.get("spec") or {}, holderIdentity="")
        try:
            await self._write("PUT", f"{self._path}/todoke", dict(self._held, spec=spec))
        except DeliveryError as error:
            log.warning("lease not released", extra={"error": str(error)})

    async def _read(self) -> dict[str, Any] | None:
        status, _, body = await self._client.exchange("GET", f"{self._path}/todoke", subject="Lease/todoke")
        if status == 404:
            return None
        if status >= 400:
            raise refusal(status, body, f"Lease/{self._namespace}/todoke")
        found: dict[str, Any] = msgspec.json.decode(body)
        return found

    async def _take(self, found: Mapping[str, Any] | None, began: float) -> bool:
        stamp = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = (found or {}).get("spec") or {}
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(_SECONDS),
            "renewTime": stamp,
            "acquireTime": old.get("acquireTime") if old.get("holderIdentity") == self._identity else stamp,
        }
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": (found or {}).get("metadata") or {"name": "todoke", "namespace": self._namespace},
            "spec": spec,
        }
        try:
            if found is None:
                self._held = await self._write("POST", self._path, body)
            else:
                self._held = await self._write("PUT", f"{self._path}/todoke", body)
        except NotReady:  # somebody else was faster
            return False
        self._until = began + _SECONDS
        return True

    async def _write(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        subject = f"Lease/{self._namespace}/todoke"
        encoded = msgspec.json.encode(body)
        try:
            raw = await self._client.request(method, path, subject=subject, body=encoded, headers=_JSON)
        except Missing as error:
            step = f"Create it with `kubectl create namespace {self._namespace}`, or name another with --namespace"
            raise Blocked(f"control namespace {self._namespace}", "it does not exist", next_step=step) from error
        written: dict[str, Any] = msgspec.json.decode(raw)
        return written
