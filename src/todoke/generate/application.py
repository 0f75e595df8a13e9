"""From a template to an Application. Source: Argo CD, "Templates" of ApplicationSets."""

from collections.abc import Mapping
from typing import Any

from todoke.generate.refusals import mapping, refusal
from todoke.model.applications import Application
from todoke.model.lenient import read
from todoke.model.merge import merged

FINALIZER = "resources-finalizer.argocd.argoproj.io"
"""With it, a deleted Application takes its objects along."""

_METADATA = ("name", "labels", "annotations", "finalizers")
_FREE_FORM = "valuesObject"  # is one value: no template adds to another's
_EMPTY: tuple[Any, ...] = (None, "", False, 0, [], {})
_DIRECTIVE = "$"


def template_of(own: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """A generator's own template, and the ApplicationSet's where that says nothing. Lists are taken whole."""
    made = dict(usual)
    for key, value in own.items():
        there = made.get(key)
        if key != _FREE_FORM and isinstance(value, Mapping) and isinstance(there, Mapping):
            made[key] = template_of(value, there)
        elif there is None or value not in _EMPTY:
            made[key] = value
    return made


def application(appset: Mapping[str, Any], rendered: Mapping[str, Any], patch: Any = None) -> dict[str, Any]:
    """The Application that a rendered template means, with the rendered and decoded `templatePatch` in it.

    It lives in the namespace of its ApplicationSet, whatever the template says, and takes its objects along when it is
    deleted, unless the template names finalizers or the ApplicationSet preserves resources.
    Raises: Blocked: the template or the patch is not one of an Application.
    """
    spec = mapping(appset.get("spec"), "spec")
    metadata = mapping(rendered.get("metadata"), "spec.template.metadata")
    made: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {name: metadata[name] for name in _METADATA if metadata.get(name)},
        "spec": dict(mapping(rendered.get("spec"), "spec.template.spec")),
    }
    policy = mapping(spec.get("syncPolicy"), "spec.syncPolicy")
    if not made["metadata"].get("finalizers") and policy.get("preserveResourcesOnDeletion") is not True:
        made["metadata"]["finalizers"] = [FINALIZER]
    namespace = mapping(appset.get("metadata"), "metadata").get("namespace")
    if namespace:
        made["metadata"]["namespace"] = namespace
    if patch is not None:
        made = patched(made, patch)
    if not made["spec"].get("project"):
        made["spec"]["project"] = "default"
    return made


def patched(whole: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """An Application with a template patch in it: maps are merged, lists replaced, finalizers added, nulls take away.

    Of the patch only the spec and the metadata that a template may set count; project and namespace stay.
    Raises: Blocked: the patch is no part of an Application.
    """
    at = "spec.templatePatch"
    if not isinstance(patch, Mapping):
        raise refusal(at, "is not a map", "Write the part of an Application that it changes")
    if problems := read(patch, Application).problems:
        raise refusal(at, problems[0], "Correct the value")
    _check_directives(patch, at)
    changed = merged(whole, patch)
    metadata, spec = (mapping(changed.get(name), f"{at}.{name}") for name in ("metadata", "spec"))
    kept = {name: metadata[name] for name in _METADATA if metadata.get(name)}
    if added := mapping(patch.get("metadata"), at).get("finalizers"):
        kept["finalizers"] = list(dict.fromkeys([*(whole["metadata"].get("finalizers") or ()), *added]))
    return {
        "apiVersion": whole["apiVersion"],
        "kind": whole["kind"],
        "metadata": _with_unpatched(kept, whole["metadata"], "namespace"),
        "spec": _with_unpatched(spec, whole["spec"], "project"),
    }


def _with_unpatched(changed: Mapping[str, Any], before: Mapping[str, Any], field: str) -> dict[str, Any]:
    """What a patch made of a map, with a field as it was before, or without it."""
    rest = {name: value for name, value in changed.items() if name != field}
    return {**rest, field: before[field]} if field in before else rest


def _check_directives(value: Any, at: str) -> None:
    """Raises: Blocked: a directive of strategic merge patches, which would become a field."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key.startswith(_DIRECTIVE):
                problem = "is a directive, and only fields are supported"
                raise refusal(f"{at}.{key}", problem, "Take a field away by null")
            if key != _FREE_FORM:
                _check_directives(item, f"{at}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_directives(item, f"{at}[{index}]")
