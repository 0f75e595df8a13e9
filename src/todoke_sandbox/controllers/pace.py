"""How fast things happen that take their time on a real node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds, and what goes wrong.

    Attributes:
        pod_start_seconds: until the containers of a scheduled Pod run.
        pod_stop_seconds: until those of a deleted one have ended.
        job_seconds: how long a container runs that is going to end.
        backoff_seconds: how long ErrImagePull shows before it becomes ImagePullBackOff.
        broken_tags: images with one of these tags cannot be pulled.
        job_retry_seconds: what a Job waits before it replaces its first failed Pod; twice as long for each further one.
        event_seconds: how long events are kept.
    """

    pod_start_seconds: float = 0.3
    pod_stop_seconds: float = 0.1
    job_seconds: float = 0.5
    backoff_seconds: float = 1.0
    broken_tags: frozenset[str] = frozenset({"does-not-exist"})
    job_retry_seconds: float = 10.0
    event_seconds: float = 3600.0
