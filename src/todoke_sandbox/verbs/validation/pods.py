"""Rules on Pods and their templates: names, images, ports, variables, volumes, probes.

Source: Kubernetes API reference, Pod v1 core; answers of a real server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.schema.quantities import as_number
from todoke_sandbox.verbs.validation.rules import (
    Cause,
    duplicate,
    forbidden,
    invalid,
    label_name,
    not_found,
    one_of,
    port,
    port_name,
    required,
)

Json = dict[str, Any]

_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_CHANGEABLE: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_NAMED_SOURCES: Final = {"configMap": "name", "secret": "secretName", "persistentVolumeClaim": "claimName"}


def pod(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    """A Pod, new or changed."""
    yield from pod_spec(new["spec"], "spec")
    if old is not None and _fixed(new["spec"]) != _fixed(old["spec"]):
        yield forbidden("spec", _CHANGEABLE)


def pod_spec(
    spec: Mapping[str, Any], field: str, policies: Sequence[str] = (), claims: Sequence[str] = ()
) -> Iterator[Cause]:
    """The specification of a Pod.

    Args:
        policies: restart policies, where not all three are allowed.
        claims: names of volumes that whoever makes the Pod adds to it.
    """
    volumes = [*_volume_names(spec.get("volumes") or ()), *claims]
    yield from _volumes(spec.get("volumes") or (), f"{field}.volumes")
    containers = spec.get("containers") or ()
    if not containers:
        yield required(f"{field}.containers")
    names: set[str] = set()
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            place = f"{field}.{part}[{index}]"
            if container.get("name") in names:
                yield duplicate(f"{place}.name", container["name"])
            names.add(container.get("name", ""))
            yield from _container(container, place, volumes)
    policy = spec.get("restartPolicy", "Always")
    if not policies:
        yield from one_of(policy, f"{field}.restartPolicy", ("Always", "OnFailure", "Never"))


def _fixed(spec: Mapping[str, Any]) -> Json:
    """What of a Pod's specification never changes. Where it runs is decided once, by whoever binds it."""
    fixed = {
        name: value
        for name, value in spec.items()
        if name not in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    }
    for part in ("initContainers", "containers"):
        fixed[part] = [{k: v for k, v in one.items() if k != "image"} for one in spec.get(part) or ()]
    return fixed


def _volume_names(volumes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for volume in volumes:
        yield str(volume.get("name", ""))


def _volumes(volumes: Sequence[Mapping[str, Any]], field: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        place, name = f"{field}[{index}]", volume.get("name", "")
        if not name:
            yield required(f"{place}.name")
        elif name in seen:
            yield duplicate(f"{place}.name", name)
        else:
            yield from label_name(name, f"{place}.name")
        seen.add(name)
        for source, key in _NAMED_SOURCES.items():
            if source in volume and not (volume[source] or {}).get(key):
                yield required(f"{place}.{source}.{key}")


def _container(container: Mapping[str, Any], field: str, volumes: Sequence[str]) -> Iterator[Cause]:
    name, image = container.get("name", ""), container.get("image", "")
    if name:
        yield from label_name(name, f"{field}.name")
    else:
        yield required(f"{field}.name")
    if not image:
        yield required(f"{field}.image")
    elif image != image.strip():
        yield invalid(f"{field}.image", image, "must not have leading or trailing whitespace")
    yield from _ports(container.get("ports") or (), f"{field}.ports")
    yield from _variables(container.get("env") or (), f"{field}.env")
    yield from _mounts(container.get("volumeMounts") or (), f"{field}.volumeMounts", volumes)
    policy = container.get("imagePullPolicy", "Always")
    yield from one_of(policy, f"{field}.imagePullPolicy", ("Always", "IfNotPresent", "Never"))
    yield from _resources(container.get("resources") or {}, f"{field}.resources")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            yield from _probe(container[probe], f"{field}.{probe}")


def _ports(ports: Sequence[Mapping[str, Any]], field: str) -> Iterator[Cause]:
    names: set[str] = set()
    for index, one in enumerate(ports):
        place = f"{field}[{index}]"
        if name := one.get("name"):
            yield from port_name(name, f"{place}.name")
            if name in names:
                yield duplicate(f"{place}.name", name)
            names.add(name)
        if not one.get("containerPort"):
            yield required(f"{place}.containerPort")
        else:
            yield from port(one["containerPort"], f"{place}.containerPort")
        yield from one_of(one.get("protocol", "TCP"), f"{place}.protocol", ("SCTP", "TCP", "UDP"))


def _variables(variables: Sequence[Mapping[str, Any]], field: str) -> Iterator[Cause]:
    for index, variable in enumerate(variables):
        place = f"{field}[{index}]"
        if not variable.get("name"):
            yield required(f"{place}.name")
        if variable.get("value") and variable.get("valueFrom"):
            yield invalid(f"{place}.valueFrom", "", "may not be specified when `value` is not empty")


def _mounts(mounts: Sequence[Mapping[str, Any]], field: str, volumes: Sequence[str]) -> Iterator[Cause]:
    places: set[str] = set()
    for index, mount in enumerate(mounts):
        place, name, path = f"{field}[{index}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            yield required(f"{place}.name")
        if name not in volumes:
            yield not_found(f"{place}.name", name)
        if not path:
            yield required(f"{place}.mountPath")
        elif path in places:
            yield invalid(f"{place}.mountPath", path, "must be unique")
        places.add(path)


def _resources(resources: Mapping[str, Any], field: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for name, asked in (resources.get("requests") or {}).items():
        if name in limits and as_number(asked) > as_number(limits[name]):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid(f"{field}.requests", asked, why)


def _probe(probe: Mapping[str, Any], field: str) -> Iterator[Cause]:
    handlers = [name for name in _HANDLERS if name in probe]
    if not handlers:
        yield required(field, "must specify a handler type")
    for name in handlers[1:]:
        yield forbidden(f"{field}.{name}", "may not specify more than 1 handler type")
    for name in handlers[:1]:
        if name != "exec":
            number = (probe[name] or {}).get("port")
            yield from port(number, f"{field}.{name}.port")
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if isinstance(probe.get(name), int) and probe[name] < 0:
            yield invalid(f"{field}.{name}", probe[name], "must be greater than or equal to 0")
