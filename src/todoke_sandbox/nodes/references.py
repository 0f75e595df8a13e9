"""What the containers and volumes of a Pod refer to, and what of it is missing.

Source: Kubernetes documentation, "Configure a Pod to Use a ConfigMap"; texts are those of a real kubelet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from todoke_sandbox.nodes.container_states import NOTHING_MISSING, Missing

Json = dict[str, Any]
Find = Callable[[str, str], Mapping[str, Any] | None]
"""Takes ConfigMap or Secret and a name in the Pod's namespace; the object, or None."""

CONFIG_MAP: Final = "ConfigMap"
SECRET: Final = "Secret"  # noqa: S105 -- a kind
_BY_SOURCE: Final = {"configMapRef": CONFIG_MAP, "secretRef": SECRET}
_BY_KEY: Final = {"configMapKeyRef": CONFIG_MAP, "secretKeyRef": SECRET}


def refers(pod: Mapping[str, Any]) -> bool:
    """Whether a Pod refers to any ConfigMap or Secret at all."""
    if any(one.keys() & {"env", "envFrom"} for one in _containers(pod)):
        return True
    return any(volume.keys() & {"configMap", "secret", "projected"} for volume in pod["spec"].get("volumes") or ())


def missing(pod: Mapping[str, Any], find: Find) -> Missing:
    """What is missing, container by container and volume by volume."""
    if not refers(pod):
        return NOTHING_MISSING
    namespace = pod["metadata"]["namespace"]
    containers = {one["name"]: why for one in _containers(pod) if (why := _of_container(one, find, namespace))}
    volumes = {one["name"]: why for one in pod["spec"].get("volumes") or () if (why := _of_volume(one, find))}
    return Missing(containers, volumes) if containers or volumes else NOTHING_MISSING


def _containers(pod: Mapping[str, Any]) -> Iterator[Json]:
    yield from pod["spec"].get("initContainers") or ()
    yield from pod["spec"].get("containers") or ()


def _of_container(container: Json, find: Find, namespace: str) -> str:
    for source in container.get("envFrom") or ():
        for field, kind in _BY_SOURCE.items():
            ref = source.get(field)
            if ref and not ref.get("optional") and find(kind, ref.get("name", "")) is None:
                return _not_found(kind, ref.get("name", ""))
    for variable in container.get("env") or ():
        for field, kind in _BY_KEY.items():
            ref = (variable.get("valueFrom") or {}).get(field)
            if ref and (why := _of_key(kind, ref, find, namespace)):
                return why
    return ""


def _of_key(kind: str, ref: Json, find: Find, namespace: str) -> str:
    if ref.get("optional"):
        return ""
    found = find(kind, ref.get("name", ""))
    if found is None:
        return _not_found(kind, ref.get("name", ""))
    if ref["key"] in _keys(found):
        return ""
    return f"couldn't find key {ref['key']} in {kind} {namespace}/{ref.get('name', '')}"


def _of_volume(volume: Json, find: Find) -> str:
    for kind, name, source in _sources(volume):
        if source.get("optional"):
            continue
        found = find(kind, name)
        if found is None:
            return _not_found(kind, name)
        for item in source.get("items") or ():
            if item["key"] not in _keys(found):
                return f"references non-existent {'config' if kind == CONFIG_MAP else 'secret'} key: {item['key']}"
    return ""


def _sources(volume: Json) -> Iterator[tuple[str, str, Json]]:
    if source := volume.get("configMap"):
        yield CONFIG_MAP, source.get("name", ""), source
    if source := volume.get("secret"):
        yield SECRET, source.get("secretName", ""), source
    for projected in (volume.get("projected") or {}).get("sources") or ():
        for field, kind in (("configMap", CONFIG_MAP), ("secret", SECRET)):
            if source := projected.get(field):
                yield kind, source.get("name", ""), source


def _keys(found: Mapping[str, Any]) -> set[str]:
    return {*(found.get("data") or ()), *(found.get("binaryData") or ())}


def _not_found(kind: str, name: str) -> str:
    return f'{kind.lower()} "{name}" not found'
