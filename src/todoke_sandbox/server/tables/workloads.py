"""What runs Pods, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from todoke_sandbox.server.tables.text import NONE, UNKNOWN, UNSET, age, containers, created, duration, labels, selector

Json = Mapping[str, Any]

_JOB_WORDS: Final = (
    ("Complete", "Complete"),
    ("Failed", "Failed"),
    ("", "Terminating"),
    ("Suspended", "Suspended"),
    ("FailureTarget", "FailureTarget"),
    ("SuccessCriteriaMet", "SuccessCriteriaMet"),
)
"""A Job's word by the first of these conditions that is true; the one without a name is its deletion."""


def deployment(body: Json, now: datetime) -> list[Any]:
    """The cells of a Deployment."""
    spec, status = body["spec"], body.get("status") or {}
    return [
        body["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        created(body, now),
        *containers(spec["template"]["spec"]),
        selector(spec.get("selector")),
    ]


def replica_set(body: Json, now: datetime) -> list[Any]:
    """The cells of a ReplicaSet."""
    return _replicas(body, now, selector(body["spec"].get("selector")))


def replication_controller(body: Json, now: datetime) -> list[Any]:
    """The cells of a ReplicationController."""
    return _replicas(body, now, labels(body["spec"].get("selector")))


def stateful_set(body: Json, now: datetime) -> list[Any]:
    """The cells of a StatefulSet."""
    spec, status = body["spec"], body.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [body["metadata"]["name"], ready, created(body, now), *containers(spec["template"]["spec"])]


def daemon_set(body: Json, now: datetime) -> list[Any]:
    """The cells of a DaemonSet."""
    spec, status = body["spec"], body.get("status") or {}
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    pod = spec["template"]["spec"]
    return [
        body["metadata"]["name"],
        *(status.get(name, 0) for name in (*counts, "numberAvailable")),
        labels(pod.get("nodeSelector")),
        created(body, now),
        *containers(pod),
        selector(spec.get("selector")),
    ]


def job(body: Json, now: datetime) -> list[Any]:
    """The cells of a Job."""
    spec = body["spec"]
    return [
        body["metadata"]["name"],
        _job_word(body),
        _completions(body),
        _job_duration(body, now),
        created(body, now),
        *containers(spec["template"]["spec"]),
        selector(spec.get("selector")),
    ]


def cron_job(body: Json, now: datetime) -> list[Any]:
    """The cells of a CronJob."""
    spec, status = body["spec"], body.get("status") or {}
    last = status.get("lastScheduleTime")
    job_spec = spec["jobTemplate"]["spec"]
    suspended = spec.get("suspend")
    return [
        body["metadata"]["name"],
        spec["schedule"],
        spec.get("timeZone") or NONE,
        UNSET if suspended is None else str(suspended),
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        created(body, now),
        *containers(job_spec["template"]["spec"]),
        selector(job_spec.get("selector")),
    ]


def pod_template(body: Json, now: datetime) -> list[Any]:
    """The cells of a PodTemplate."""
    template = body["template"]
    pod_labels = labels((template.get("metadata") or {}).get("labels"))
    return [body["metadata"]["name"], *containers(template["spec"]), pod_labels]


def controller_revision(body: Json, now: datetime) -> list[Any]:
    """The cells of a ControllerRevision."""
    owners = body["metadata"].get("ownerReferences") or ()
    owner = next((o for o in owners if o.get("controller")), None)
    shown = NONE
    if owner is not None:
        group = owner["apiVersion"].rpartition("/")[0]
        shown = f"{owner['kind'].lower()}{'.' if group else ''}{group}/{owner['name']}"
    return [body["metadata"]["name"], shown, body.get("revision", 0), created(body, now)]


def autoscaler(body: Json, now: datetime) -> list[Any]:
    """The cells of a HorizontalPodAutoscaler."""
    spec, status = body["spec"], body.get("status") or {}
    target = spec["scaleTargetRef"]
    least = spec.get("minReplicas")
    return [
        body["metadata"]["name"],
        f"{target['kind']}/{target['name']}",
        _metrics(spec.get("metrics") or [], status.get("currentMetrics") or []),
        UNSET if least is None else str(least),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        created(body, now),
    ]


def disruption_budget(body: Json, now: datetime) -> list[Any]:
    """The cells of a PodDisruptionBudget."""
    spec, status = body["spec"], body.get("status") or {}
    limits = (str(spec.get(name, "N/A")) for name in ("minAvailable", "maxUnavailable"))
    return [body["metadata"]["name"], *limits, status.get("disruptionsAllowed", 0), created(body, now)]


def _replicas(body: Json, now: datetime, selected: str) -> list[Any]:
    spec, status = body["spec"], body.get("status") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    counts = (spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0))
    return [body["metadata"]["name"], *counts, created(body, now), *containers(pod), selected]


def _job_word(body: Json) -> str:
    found = (body.get("status") or {}).get("conditions") or ()
    true = {c["type"] for c in found if c.get("status") == "True"}
    if body["metadata"].get("deletionTimestamp"):
        true.add("")
    return next((word for condition, word in _JOB_WORDS if condition in true), "Running")


def _completions(body: Json) -> str:
    spec, succeeded = body["spec"], (body.get("status") or {}).get("succeeded", 0)
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    parallel = spec.get("parallelism") or 0
    return f"{succeeded}/1 of {parallel}" if parallel > 1 else f"{succeeded}/1"


def _job_duration(body: Json, now: datetime) -> str:
    status = body.get("status") or {}
    if not status.get("startTime"):
        return ""
    began = datetime.fromisoformat(status["startTime"])
    end = status.get("completionTime")
    return duration(((datetime.fromisoformat(end) if end else now) - began).total_seconds())


def _metrics(specs: list[Json], current: list[Json]) -> str:
    """What is measured against what is wanted: the first two, and how many more there are."""
    if not specs:
        return NONE
    shown = []
    for index, spec in enumerate(specs):
        found = current[index] if index < len(current) else {}
        shown.append(_metric(spec, found))
    most = 2
    text = ", ".join(shown[:most])
    return text if len(shown) <= most else f"{text} + {len(shown) - most} more..."


_METRICS: Final = {
    "External": "external",
    "Pods": "pods",
    "Object": "object",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}


def _metric(spec: Json, found: Json) -> str:
    part = _METRICS[spec["type"]]
    wanted, now = spec[part]["target"], (found.get(part) or {}).get("current") or {}
    name = f"{spec[part]['name']}: " if part in ("resource", "containerResource") else ""
    if part in ("resource", "containerResource") and wanted.get("averageUtilization") is not None:
        value = now.get("averageUtilization")
        return f"{name}{UNKNOWN if value is None else f'{value}%'}/{wanted['averageUtilization']}%"
    if wanted.get("averageValue") is not None:
        average = "" if part in ("pods", "resource", "containerResource") else " (avg)"
        return f"{name}{now.get('averageValue', UNKNOWN)}/{wanted['averageValue']}{average}"
    return f"{name}{now.get('value', UNKNOWN)}/{wanted.get('value')}"
