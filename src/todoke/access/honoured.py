"""What of an Application's spec this version acts upon. Whatever else a user sets is reported, never passed over."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ALL = True

_SOURCE = {
    "repoURL": ALL,
    "path": ALL,
    "targetRevision": ALL,
    "tagPrefix": ALL,
    "name": ALL,
    "ref": ALL,
    "chart": ALL,
    "directory": {
        "recurse": ALL,
        "include": ALL,
        "exclude": ALL,
        "jsonnet": ALL,
        "disableExtensionFilter": ALL,
    },
    "helm": {
        "releaseName": ALL,
        "namespace": ALL,
        "valueFiles": ALL,
        "ignoreMissingValueFiles": ALL,
        "passCredentials": ALL,
        "values": ALL,
        "valuesObject": ALL,
        "parameters": ALL,
        "fileParameters": ALL,
        "version": ALL,
        "kubeVersion": ALL,
        "apiVersions": ALL,
        "skipCrds": ALL,
        "skipTests": ALL,
        "skipSchemaValidation": ALL,
    },
    "kustomize": {
        "namePrefix": ALL,
        "nameSuffix": ALL,
        "namespace": ALL,
        "images": ALL,
        "replicas": ALL,
        "commonLabels": ALL,
        "forceCommonLabels": ALL,
        "labelWithoutSelector": ALL,
        "labelIncludeTemplates": ALL,
        "commonAnnotations": ALL,
        "commonAnnotationsEnvsubst": ALL,
        "forceCommonAnnotations": ALL,
        "patches": ALL,
        "components": ALL,
        "ignoreMissingComponents": ALL,
        "version": ALL,
        "kubeVersion": ALL,
        "apiVersions": ALL,
    },
    "plugin": {"name": ALL, "env": ALL, "parameters": ALL},
}

HONOURED: dict[str, Any] = {
    "source": _SOURCE,
    "sources": _SOURCE,
    "destination": {"server": ALL, "name": ALL, "namespace": ALL},
    "project": ALL,
    "syncPolicy": {
        "automated": {"prune": ALL, "selfHeal": ALL, "allowEmpty": ALL, "enabled": ALL},
        "syncOptions": ALL,  # option by option, see below
        "retry": {
            "limit": ALL,
            "refresh": ALL,
            "backoff": {"duration": ALL, "factor": ALL, "maxDuration": ALL},
        },
    },
    "ignoreDifferences": {
        "group": ALL,
        "kind": ALL,
        "name": ALL,
        "namespace": ALL,
        "jsonPointers": ALL,
        "managedFieldsManagers": ALL,
    },
    "revisionHistoryLimit": ALL,
    "info": ALL,
}
"""The honoured fields below `spec`; a list's items are looked at one by one."""

_SWITCH = frozenset({"true", "false"})

HONOURED_OPTIONS: dict[str, frozenset[str]] = {
    "CreateNamespace": _SWITCH,
    "Prune": _SWITCH,  # "confirm" leaves objects where they are
    "PruneLast": _SWITCH,
    "PrunePropagationPolicy": frozenset({"foreground", "background", "orphan"}),
    "RespectIgnoreDifferences": _SWITCH,
    "ApplyOutOfSyncOnly": _SWITCH,
    # what todoke always does can be asked for, but not be switched off
    "ServerSideApply": frozenset({"true"}),
    "FailOnSharedResource": frozenset({"true"}),
    "SkipDryRunOnMissingResource": frozenset({"true"}),
    "ClientSideApplyMigration": frozenset({"true"}),
    # what todoke never does can be declined
    "Validate": frozenset({"true"}),
    "Replace": frozenset({"false"}),
    "Force": frozenset({"false"}),
}
"""Sync options with the values that are honoured."""


def fields_not_honoured(application_spec_raw: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths that the spec sets and this version ignores, as `spec.source.helm`; sync options with their value."""
    policy = application_spec_raw.get("syncPolicy")
    options = policy.get("syncOptions") if isinstance(policy, Mapping) else None
    unknown = options_not_honoured(options if isinstance(options, list) else ())
    paths = _beyond(application_spec_raw, HONOURED, "spec")
    return (*paths, *(f"spec.syncPolicy.syncOptions: {option}" for option in unknown))


def options_not_honoured(options: Iterable[Any]) -> tuple[str, ...]:
    """Those of the sync options, of a spec or of an operation, that are unknown or have a value not honoured."""
    return tuple(str(option) for option in options if not _option_honoured(str(option)))


def _option_honoured(option: str) -> bool:
    name, _, value = option.partition("=")
    return value.strip() in HONOURED_OPTIONS.get(name.strip(), ())


def _beyond(value: Any, honoured: Any, path: str) -> Iterator[str]:
    if honoured is ALL or _is_empty(value):
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _beyond(item, honoured, f"{path}[{number}]")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if name in honoured:
                yield from _beyond(item, honoured[name], f"{path}.{name}")
            elif not _is_empty(item):
                yield f"{path}.{name}"
    else:
        yield path  # not the object or list it should be, so nothing of it is read


def _is_empty(value: Any) -> bool:
    """Whether a value says nothing: null, false, empty, or made of such values only."""
    if isinstance(value, Mapping):
        return all(_is_empty(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_empty(item) for item in value)
    return value is None or value is False or value == ""
