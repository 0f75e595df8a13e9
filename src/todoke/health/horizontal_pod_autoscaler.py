"""Health of autoscaling/HorizontalPodAutoscaler. Source: Argo CD, gitops-engine health_hpa.go."""

from typing import Any

import msgspec

from todoke.health.reading import Body, degraded, is_true, part, parts, progressing, text
from todoke.model.health import HEALTHY, Health

V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
"""Where autoscaling/v1 keeps the conditions that later versions have in their status."""

_BROKEN = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetContainerResourceMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "InvalidSelector"),
}
_WELL = {"AbleToScale", "ScalingLimited"}


def horizontal_pod_autoscaler_health(body: Body) -> Health:
    """What the first condition that says anything says; the order of the list is the autoscaler's own."""
    for item in parts(_status(body), "conditions"):
        if (item.get("type"), item.get("reason")) in _BROKEN:
            return degraded(text(item, "message") or text(item, "reason"))
        if item.get("type") in _WELL and is_true(item):
            return HEALTHY
    return progressing("waiting to autoscale")


def _status(body: Body) -> Body:
    annotation = text(part(body, "metadata", "annotations"), V1_CONDITIONS)
    if body.get("apiVersion") != "autoscaling/v1" or not annotation:
        return part(body, "status")
    try:
        conditions: Any = msgspec.json.decode(annotation)
    except msgspec.DecodeError:
        conditions = []
    return {"conditions": conditions}
