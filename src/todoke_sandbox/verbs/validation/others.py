"""Rules on data, access, claims, budgets, autoscalers and definitions of kinds.

Source: Kubernetes API reference; answers of a real server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from todoke_sandbox.verbs.validation.rules import (
    IMMUTABLE,
    Cause,
    forbidden,
    invalid,
    not_negative,
    one_of,
    required,
    unsupported,
)

Old = Mapping[str, Any] | None

_MOST_DATA: Final = 1024 * 1024
_KEY_TEXT: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    "  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_NEEDED: Final = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_FIXED_CLAIM: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def config_map(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """v1 ConfigMap."""
    yield from _keys(new, ("data", "binaryData"))
    yield from _kept(new, old, ("data", "binaryData"))
    size = sum(len(str(value).encode()) for value in (new.get("data") or {}).values())
    size += sum(len(base64.b64decode(value)) for value in (new.get("binaryData") or {}).values())
    if size > _MOST_DATA:
        yield "FieldValueTooLong", f"Too long: may not be more than {_MOST_DATA} bytes", ""


def secret(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """v1 Secret."""
    data = new.get("data") or {}
    yield from _keys(new, ("data",))
    yield from (required(f"data[{name}]") for name in _NEEDED.get(new.get("type", ""), ()) if name not in data)
    if old is not None and new.get("type") != old.get("type"):
        yield invalid("type", new.get("type"), IMMUTABLE)
    yield from _kept(new, old, ("data",))
    if sum(len(base64.b64decode(value)) for value in data.values()) > _MOST_DATA:
        yield "FieldValueTooLong", f"Too long: may not be more than {_MOST_DATA} bytes", "data"


def claim(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """v1 PersistentVolumeClaim."""
    spec = new["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        yield required("spec.resources[storage]")
    if old is None:
        return
    bound = bool(old["spec"].get("volumeName"))
    free = {"resources", "volumeAttributesClassName"} if bound else {"volumeName"}
    before = old["spec"]
    if any(spec.get(name) != before.get(name) for name in {*spec, *before} - free):
        yield forbidden("spec", _FIXED_CLAIM)


def autoscaler(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """autoscaling/v2 HorizontalPodAutoscaler."""
    spec = new["spec"]
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if least < 1:
        yield invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    target = spec.get("scaleTargetRef") or {}
    for name in ("kind", "name"):
        if not target.get(name):
            yield required(f"spec.scaleTargetRef.{name}")
    if not target.get("apiVersion"):
        yield invalid("spec.scaleTargetRef.apiVersion", "", "apiVersion must specify API group")
    if not most:
        yield required("spec.maxReplicas")


def role(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """rbac.authorization.k8s.io/v1 Role or ClusterRole."""
    for index, rule in enumerate(new.get("rules") or ()):
        field = f"rules[{index}]"
        if not rule.get("verbs"):
            yield required(f"{field}.verbs")
        if rule.get("nonResourceURLs"):
            if new["kind"] == "Role":
                why = "namespaced rules cannot apply to non-resource URLs"
                yield invalid(f"{field}.nonResourceURLs", rule["nonResourceURLs"], why)
            continue
        if not rule.get("apiGroups"):
            yield required(f"{field}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield required(f"{field}.resources", "resource rules must supply at least one resource")


def binding(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """rbac.authorization.k8s.io/v1 RoleBinding or ClusterRoleBinding."""
    reference = new["roleRef"]
    kinds = ("Role", "ClusterRole") if new["kind"] == "RoleBinding" else ("ClusterRole",)
    if reference.get("kind") not in kinds:
        yield unsupported("roleRef.kind", reference.get("kind", ""), kinds)
    if not reference.get("name"):
        yield required("roleRef.name")
    for index, subject in enumerate(new.get("subjects") or ()):
        field = f"subjects[{index}]"
        if not subject.get("name"):
            yield required(f"{field}.name")
        elif subject.get("kind") not in ("ServiceAccount", "User", "Group"):
            yield unsupported(f"{field}.kind", subject.get("kind", ""), ("ServiceAccount", "User", "Group"))
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace") and new["kind"] != "RoleBinding":
            yield required(f"{field}.namespace")
    if old is not None and reference != old["roleRef"]:
        value = {"APIGroup": reference.get("apiGroup"), "Kind": reference.get("kind"), "Name": reference.get("name")}
        yield invalid("roleRef", value, IMMUTABLE)


def budget(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """policy/v1 PodDisruptionBudget."""
    spec = new["spec"]
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        value = {"MinAvailable": least, "Selector": spec.get("selector"), "MaxUnavailable": most}
        value["UnhealthyPodEvictionPolicy"] = spec.get("unhealthyPodEvictionPolicy")
        yield invalid("spec", value, "minAvailable and maxUnavailable cannot be both set")
    yield from not_negative(least, "spec.minAvailable")
    yield from not_negative(most, "spec.maxUnavailable")


def definition(new: Mapping[str, Any], old: Old) -> Iterator[Cause]:
    """apiextensions.k8s.io/v1 CustomResourceDefinition."""
    spec = new["spec"]
    names, versions = spec["names"], spec.get("versions") or ()
    if new["metadata"]["name"] != f"{names.get('plural', '')}.{spec.get('group', '')}":
        yield invalid("metadata.name", new["metadata"]["name"], 'must be spec.names.plural+"."+spec.group')
    if not spec.get("group"):
        yield required("spec.group")
    if not spec.get("scope"):
        yield required("spec.scope")
    else:
        yield from one_of(spec["scope"], "spec.scope", ("Cluster", "Namespaced"))
    if not versions:
        yield required("spec.versions", "must have exactly one version marked as storage version")
    elif sum(bool(version.get("storage")) for version in versions) != 1:
        value = [version.get("name", "") for version in versions]
        yield invalid("spec.versions", value, "must have exactly one version marked as storage version")
    for name in ("plural", "singular", "kind", "listKind"):
        if not names.get(name):
            yield required(f"spec.names.{name}")
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema")


def _keys(new: Mapping[str, Any], fields: tuple[str, ...]) -> Iterator[Cause]:
    """Keys that are names of files, each of them once."""
    binary = new.get("binaryData") or {}
    for field in fields:
        for key in new.get(field) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]+", key) or key in (".", "..") or key.startswith(".."):
                yield invalid(f"{field}[{key}]", key, _KEY_TEXT)
            if field == "data" and key in binary:
                yield invalid(f"{field}[{key}]", key, "duplicate of key present in binaryData")


def _kept(new: Mapping[str, Any], old: Old, fields: tuple[str, ...]) -> Iterator[Cause]:
    """What may never change again, once its author said so."""
    if old is None or not old.get("immutable"):
        return
    why = f"{IMMUTABLE} when `immutable` is set"
    if not new.get("immutable"):
        yield forbidden("immutable", why)
    yield from (forbidden(field, why) for field in fields if new.get(field) != old.get(field))
