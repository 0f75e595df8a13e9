"""Query parameters as the verbs take them, and the refusals of those that make no sense.

Source: Kubernetes API reference, CreateOptions, UpdateOptions, PatchOptions, DeleteOptions, ListOptions; a real
server's answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

from todoke_sandbox.registry.resources import Resource
from todoke_sandbox.server.paths import Parameters, is_true
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import EVERY, Deletion, How, Query
from todoke_sandbox.verbs.selectors import ANY_FIELDS, EVERYTHING, BadSelector, FieldSelector, read_fields, read_labels
from todoke_sandbox.verbs.validation.rules import Cause, forbidden, invalid, required, unsupported

Json = dict[str, Any]

_LONGEST_MANAGER: Final = 128
_VALIDATIONS: Final = ("", "Ignore", "Strict", "Warn")
_MATCHES: Final = ("Exact", "NotOlderThan", "")
_PROPAGATIONS: Final = ("Foreground", "Background", "Orphan", "nil")
_OPTIONS: Final = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}

_NAMED: Final = ("metadata.name", "metadata.namespace")
_SELECTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "events": (
        "involvedObject.apiVersion", "involvedObject.fieldPath", "involvedObject.kind", "involvedObject.name",
        "involvedObject.namespace", "involvedObject.resourceVersion", "involvedObject.uid", "reason",
        "reportingComponent", "source", "type",
    ),
    "namespaces": ("status.phase", "name"),
    "nodes": ("spec.unschedulable",),
    "pods": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ),
    "jobs": ("status.successful",),
    "replicasets": ("status.replicas",),
    "replicationcontrollers": ("status.replicas",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "persistentvolumes": ("name",),
    "persistentvolumeclaims": ("name",),
}  # fmt: skip
"""Fields that can be selected by, besides name and namespace. Source: Kubernetes documentation, "Field Selectors"."""


@lru_cache(maxsize=1024)
def read(query: str) -> Mapping[str, Sequence[str]]:
    """The parameters of a query text. Clients ask the same over and over; what is returned is not to be changed."""
    return parse_qs(query, keep_blank_values=True) if query else {}


def first(parameters: Parameters, name: str) -> str:
    """The first value of a parameter, empty when it is not given."""
    return (parameters.get(name) or ("",))[0]


def how(parameters: Parameters, verb: str, agent: str, user: str, *, apply: bool = False) -> How:
    """How a write is to be done.

    Args: agent: the User-Agent header, which names the manager where no parameter does; an apply has to name it.
    Raises: Refusal: 422, naming every option that is wrong.
    """
    if not parameters:
        if not apply:
            return How(agent.partition("/")[0], user)
        parameters = {}
    manager, validation = first(parameters, "fieldManager"), first(parameters, "fieldValidation")
    dry_run = list(parameters.get("dryRun") or ())
    causes: list[Cause] = []
    if apply and not manager:
        causes.append(required("fieldManager", "is required for apply patch"))
    if "force" in parameters and verb == "patch" and not apply:
        causes.append(forbidden("force", "may not be specified for non-apply patch"))
    if len(manager.encode()) > _LONGEST_MANAGER:
        message = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        causes.append(("FieldValueTooLong", message, "fieldManager"))
    causes += _dry_run_causes(dry_run)
    if validation not in _VALIDATIONS:
        causes.append(unsupported("fieldValidation", validation, _VALIDATIONS))
    _refuse(_OPTIONS.get(verb, "CreateOptions"), causes)
    return How(
        manager or agent.partition("/")[0],
        user,
        dry_run=bool(dry_run),
        force=is_true(parameters, "force"),
        validation=validation or "Warn",
    )


def deletion(parameters: Parameters, body: Any) -> tuple[Deletion, bool]:
    """How to delete, and whether only to try. What the body says counts more than the query.

    Raises: Refusal: 400 or 422.
    """
    options = _delete_options(parameters, body)
    propagation, orphan = options.get("propagationPolicy") or "", options.get("orphanDependents")
    dry_run = options.get("dryRun") or []
    causes: list[Cause] = []
    if propagation and orphan is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(invalid("propagationPolicy", propagation, why))
    elif propagation and propagation not in _PROPAGATIONS[:3]:
        causes.append(unsupported("propagationPolicy", propagation, _PROPAGATIONS))
    causes += _dry_run_causes(dry_run)
    _refuse("DeleteOptions", causes)
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    conditions = options.get("preconditions") or {}
    uid, version = conditions.get("uid") or "", conditions.get("resourceVersion") or ""
    return Deletion(propagation, options.get("gracePeriodSeconds"), uid, version), bool(dry_run)


def query(parameters: Parameters, resource: Resource) -> Query:
    """Which objects of a collection. Raises: Refusal: 400 or 422."""
    if not parameters:
        return EVERY
    watch = is_true(parameters, "watch")
    match, version = first(parameters, "resourceVersionMatch"), first(parameters, "resourceVersion")
    _check_version(version, watch)
    limit, continued = number(parameters, "limit"), first(parameters, "continue")
    initial = "sendInitialEvents" in parameters
    _refuse("ListOptions", _watch_causes(match, initial) if watch else _list_causes(match, version, initial, continued))
    return Query(
        _labels(first(parameters, "labelSelector")),
        _fields(first(parameters, "fieldSelector"), resource),
        max(limit or 0, 0),
        continued,
        version,
        match,
    )


def number(parameters: Parameters, name: str) -> int | None:
    """A number, None when it is not given. Raises: Refusal: it is none."""
    text = first(parameters, name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise Refusal.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _delete_options(parameters: Parameters, body: Any) -> Json:
    if isinstance(body, dict) and body:
        kind = body.get("kind") or "DeleteOptions"
        if kind != "DeleteOptions":
            version = body.get("apiVersion") or "meta.k8s.io/v1"
            raise Refusal.bad_request(f'no kind "{kind}" is registered for version "{version}"')
        return body
    options: Json = {"gracePeriodSeconds": number(parameters, "gracePeriodSeconds")}
    options["propagationPolicy"] = first(parameters, "propagationPolicy")
    options["dryRun"] = list(parameters.get("dryRun") or ())
    if "orphanDependents" in parameters:
        options["orphanDependents"] = is_true(parameters, "orphanDependents")
    return options


def _check_version(version: str, watch: bool) -> None:
    if version.isdecimal() or not version:
        return
    text = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
    if watch:
        raise Refusal(500, "", text)
    raise Refusal.bad_request(f"invalid resource version: {text}")


def _labels(text: str) -> Any:
    try:
        return read_labels(text) if text else EVERYTHING
    except BadSelector as error:
        raise Refusal.bad_request(str(error)) from error


def _fields(text: str, resource: Resource) -> FieldSelector:
    if not text:
        return ANY_FIELDS
    try:
        found = read_fields(text)
    except BadSelector as error:
        raise Refusal.bad_request(str(error)) from error
    known = _NAMED if resource.custom else (*_NAMED, *_SELECTABLE.get(resource.plural, ()))
    for path, _, _ in found.terms:
        if path in known:
            continue
        if resource.plural in _SELECTABLE and not resource.custom:
            raise Refusal.bad_request(f"field label not supported: {path}")
        raise Refusal.bad_request(
            f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            if not resource.custom
            else f"field label not supported: {path}"
        )
    return found


def _list_causes(match: str, version: str, initial: bool, continued: str) -> list[Cause]:
    causes: list[Cause] = []
    field = "resourceVersionMatch"
    if initial:
        causes.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if match:
        if not version:
            causes.append(forbidden(field, f"{field} is forbidden unless resourceVersion is provided"))
        if continued:
            causes.append(forbidden(field, f"{field} is forbidden when continue is provided"))
        if match not in _MATCHES:
            causes.append(unsupported(field, match, _MATCHES))
        if match == "Exact" and version == "0":
            causes.append(forbidden(field, f'{field} "exact" is forbidden for resourceVersion "0"'))
    return causes


def _watch_causes(match: str, initial: bool) -> list[Cause]:
    causes: list[Cause] = []
    field = "resourceVersionMatch"
    if match and not initial:
        causes.append(forbidden(field, f"{field} is forbidden for watch unless sendInitialEvents is provided"))
    if initial and not match:
        causes.append(forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    elif match and match != "NotOlderThan":
        causes.append(unsupported(field, match, ("NotOlderThan",)))
    return causes


def _dry_run_causes(values: Sequence[str]) -> list[Cause]:
    if all(value == "All" for value in values):
        return []
    return [unsupported("dryRun", list(values), ("All",))]


def _refuse(kind: str, causes: Sequence[Cause]) -> None:
    if causes:
        raise Refusal.invalid(("meta.k8s.io", kind), "", causes)
