"""Defaults of Pods and of what carries a Pod's specification.

Source: the "Default" notes of the API reference; answers of a real server.
"""

from __future__ import annotations

from typing import Any

from todoke_sandbox.schema.node import Json

_MODE = 0o644


def pod(body: Json) -> None:
    """A Pod itself."""
    spec = body["spec"]
    spec.setdefault("enableServiceLinks", True)
    pod_spec(spec)
    for container in [*spec.get("initContainers", ()), *(spec.get("containers") or ())]:
        _requests(container.get("resources") or {})


def template(body: Json) -> None:
    """A field `template` of some specification."""
    if body.get("template"):
        pod_spec(body["template"]["spec"])


def pod_spec(spec: Json) -> None:
    """The specification of a Pod, alone or in a template."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    containers = [*(spec.get("containers") or ()), *spec.get("initContainers", ())]
    for container in [*containers, *spec.get("ephemeralContainers", ())]:
        _container(container, host_network=spec.get("hostNetwork", False))
    for volume in spec.get("volumes", ()):
        _volume(volume)
    for constraint in spec.get("topologySpreadConstraints", ()):
        constraint.setdefault("whenUnsatisfiable", "DoNotSchedule")


def _container(container: Json, *, host_network: bool) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
        if host_network and not port.get("hostPort"):
            port["hostPort"] = port["containerPort"]
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(name):
            _probe(probe)
    for hook in (container.get("lifecycle") or {}).values():
        _action(hook)
    for variable in container.get("env", ()):
        if reference := (variable.get("valueFrom") or {}).get("fieldRef"):
            reference.setdefault("apiVersion", "v1")
        if resource := (variable.get("valueFrom") or {}).get("resourceFieldRef"):
            resource.setdefault("divisor", "0")


def _pull_policy(image: str) -> str:
    name = image.rpartition("/")[2]
    pinned = "@" in image or (":" in name and not name.endswith(":latest"))
    return "IfNotPresent" if pinned else "Always"


def _probe(probe: Json) -> None:
    defaults = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    for name, value in defaults.items():
        probe.setdefault(name, value)
    _action(probe)


def _action(action: Any) -> None:
    if not isinstance(action, dict):
        return
    if get := action.get("httpGet"):
        get.setdefault("path", "/")
        get.setdefault("scheme", "HTTP")
    if call := action.get("grpc"):
        call.setdefault("service", "")


def _requests(resources: Json) -> None:
    """A limit without a request is the request too."""
    for name, limit in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, limit)


def _volume(volume: Json) -> None:
    if len(volume) == 1:
        volume["emptyDir"] = {}
    for kind in ("secret", "configMap", "downwardAPI", "projected"):
        if kind in volume:
            volume[kind].setdefault("defaultMode", _MODE)
    if path := volume.get("hostPath"):
        path.setdefault("type", "")
    if claim := (volume.get("ephemeral") or {}).get("volumeClaimTemplate"):
        claim["spec"].setdefault("volumeMode", "Filesystem")
    sources = (volume.get("projected") or {}).get("sources") or []
    _sources([*sources, volume])


def _sources(sources: list[Json]) -> None:
    """Of a projected volume; the volume itself may hold the same as one of them."""
    for source in sources:
        if token := source.get("serviceAccountToken"):
            token.setdefault("expirationSeconds", 3600)
        for item in (source.get("downwardAPI") or {}).get("items") or []:
            if reference := item.get("fieldRef"):
                reference.setdefault("apiVersion", "v1")
