"""What goes by itself after a while: finished Jobs that ask for it, and events.

Source: Kubernetes documentation, "Automatic Cleanup for Finished Jobs"; kube-apiserver's `--event-ttl`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from todoke_sandbox.controllers.client import Client
from todoke_sandbox.controllers.job_state import COMPLETE, FAILED
from todoke_sandbox.controllers.objects import at, is_deleted
from todoke_sandbox.storage.tables import EVENTS, JOBS

Json = dict[str, Any]

JOB_NAME: Final = "ttl-after-finished-controller"
EVENT_NAME: Final = "event-ttl"
_SOONEST: Final = 1.0


def expires(job: Json) -> datetime | None:
    """When a finished Job is to go; None when it stays."""
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    for found in (job.get("status") or {}).get("conditions") or () if seconds is not None else ():
        if found["type"] in (COMPLETE, FAILED) and found["status"] == "True":
            return at(found["lastTransitionTime"]) + timedelta(seconds=seconds)
    return None


class FinishedJobs:
    """Deletes finished Jobs in time."""

    name = JOB_NAME

    def __init__(self, client: Client) -> None:
        """Takes how to write."""
        self._client = client

    def sync(self, namespace: str, name: str) -> float | None:
        """Delete one Job if its time has come. Returns the seconds until then."""
        job = self._client.get(JOBS, namespace, name)
        due = None if job is None or is_deleted(job) else expires(job)
        if job is None or due is None:
            return None
        left = (due - self._client.now).total_seconds()
        if left > 0:
            return left
        self._client.delete(JOBS, job, "Foreground")
        return None


class OldEvents:
    """Deletes events some time after they were last written; one look at the oldest, whenever that is due."""

    name = EVENT_NAME

    def __init__(self, client: Client, seconds: Callable[[], float], keep_seconds: float) -> None:
        """Args: seconds: a clock that never goes back. keep_seconds: how long an event is kept."""
        self._client = client
        self._seconds = seconds
        self._keep_seconds = keep_seconds
        self._written: deque[tuple[float, str, str, str]] = deque()

    def take(self, event: Json) -> bool:
        """Remember an event that was just written. Returns whether it is the only one, so that a look is due later."""
        metadata = event["metadata"]
        due = self._seconds() + self._keep_seconds
        self._written.append((due, metadata["namespace"], metadata["name"], metadata["resourceVersion"]))
        return len(self._written) == 1

    @property
    def keep_seconds(self) -> float:
        """How long an event is kept."""
        return self._keep_seconds

    def sync(self, namespace: str, name: str) -> float | None:
        """Delete what is due. Returns the seconds until the next one is."""
        while self._written:
            due, namespace, name, version = self._written[0]
            left = due - self._seconds()
            if left > 0:
                return max(left, _SOONEST)
            self._written.popleft()
            event = self._client.get(EVENTS, namespace, name)
            if event is not None and event["metadata"]["resourceVersion"] == version:
                self._client.delete(EVENTS, event)
        return None
