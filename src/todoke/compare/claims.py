"""Does somebody else own this object? Such an object is not touched without an explicit adoption."""

from collections.abc import Mapping
from typing import Any

from todoke.model.objects import LiveObject, annotations, labels
from todoke.model.tracking import claimant

ADOPT = "todoke.dev/adopt"
_FLUX = (("kustomize.toolkit.fluxcd.io/", "Flux Kustomization"), ("helm.toolkit.fluxcd.io/", "Flux HelmRelease"))


def applied_by_us(live: LiveObject) -> bool:
    """Whether our field manager stands in the object's record. A tracking id alone may be another controller's."""
    return b'"manager":"todoke"' in live.raw


def applied_by_argo(live: LiveObject) -> bool:
    """Whether Argo CD's field manager stands in the object's record."""
    return b'"manager":"argocd-controller"' in live.raw


def belongs(live: LiveObject, installation: str, *, adopted: bool) -> bool:
    """Whether an object that bears an application's tracking id is this installation's to prune and to delete.

    Another installation, or Argo CD, may have an application of the same name, and so the same tracking ids.

    Args: adopted: the application was Argo CD's until now, and its objects with it.
    """
    return live.installation == installation and (adopted or applied_by_us(live))


def other_owner(live: LiveObject, instance: str, installation: str) -> str:
    """Who else claims the object, as a person would say it, or ""."""
    owner = claimant(live.tracking, live.key)
    if owner and live.installation != installation and live.installation:
        return f"application {owner} of the installation {live.installation}"
    if owner and owner != instance:
        return f"application {owner}"
    if owner == instance:
        return ""
    return _toolkit_owner(live.body)


def _toolkit_owner(body: Mapping[str, Any]) -> str:
    found = dict(body)
    for prefix, what in _FLUX:
        name = labels(found).get(f"{prefix}name")
        if name:
            return f"{what} {labels(found).get(f'{prefix}namespace', '')}/{name}"
    release = annotations(found).get("meta.helm.sh/release-name")
    if release and labels(found).get("app.kubernetes.io/managed-by") == "Helm":
        return f"Helm release {annotations(found).get('meta.helm.sh/release-namespace', '')}/{release}"
    return ""
