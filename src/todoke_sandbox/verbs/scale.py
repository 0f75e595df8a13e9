"""The subresource `scale`: the number of replicas of whatever has one, as one kind.

Source: Kubernetes API reference, Scale v1 autoscaling; CustomResourceDefinition documentation, "Scale subresource".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.validation.rules import not_negative

Json = dict[str, Any]

_METADATA: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def of(resource: Resource, body: Mapping[str, Any]) -> Json:
    """The Scale of an object."""
    metadata = {name: body["metadata"][name] for name in _METADATA if name in body["metadata"]}
    spec: Json = {}
    status: Json = {"replicas": 0}
    if resource.custom:
        paths = resource.scale_paths
        replicas = at(body, paths.get("specReplicasPath", ""))
        status["replicas"] = at(body, paths.get("statusReplicasPath", "")) or 0
        selector = at(body, paths.get("labelSelectorPath", "")) or ""
    else:
        replicas = (body.get("spec") or {}).get("replicas")
        status["replicas"] = (body.get("status") or {}).get("replicas", 0)
        selector = _selector_text((body.get("spec") or {}).get("selector") or {})
    if replicas:
        spec["replicas"] = replicas
    if selector:
        status["selector"] = selector
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def replicas_of(scale: Any) -> int:
    """The number that a Scale asks for. Raises Refusal when it is none."""
    spec = scale.get("spec") if isinstance(scale, Mapping) else None
    value = spec.get("replicas", 0) if isinstance(spec, Mapping) else 0
    if not isinstance(value, int) or isinstance(value, bool):
        shown = type(value).__name__.replace("str", "string")
        raise Refusal.bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal '
            f"{shown} into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if value < 0:
        broken = list(not_negative(value, "spec.replicas"))
        raise Refusal.invalid(("autoscaling", "Scale"), str((scale.get("metadata") or {}).get("name", "")), broken)
    return value


def at(body: Mapping[str, Any], path: str) -> Any:
    """The value at a path like `.spec.replicas`; None where there is none."""
    found: Any = body
    for name in filter(None, path.split(".")):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if path else None


def _selector_text(selector: Mapping[str, Any]) -> str:
    """A selector in one line, as clients pass it on."""
    labels = selector.get("matchLabels") if "matchLabels" in selector or "matchExpressions" in selector else selector
    parts = [f"{key}={value}" for key, value in sorted((labels or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        parts.append(_requirement(expression))
    return ",".join(parts)


def _requirement(expression: Mapping[str, Any]) -> str:
    key, values = str(expression["key"]), ",".join(sorted(expression.get("values") or ()))
    forms: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return forms[expression["operator"]]
