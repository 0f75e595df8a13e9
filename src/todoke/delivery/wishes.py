"""What people ask for, as values, and what that means for an Application. Pure: wishes in, bodies and patches out.

Users' objects are never written back whole: a change is a merge patch of the fields that were named.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.delivery.removal import FINALIZER
from todoke.delivery.translate import IN_CLUSTER
from todoke.model.errors import Blocked

POLICY_SET_BY = "todoke.dev/policy-set-by"
REQUEST = "todoke.dev/request"
CASCADES = {"foreground": FINALIZER, "background": f"{FINALIZER}/background", "none": ""}
_OURS = (FINALIZER, f"{FINALIZER}/foreground", f"{FINALIZER}/background")


_SCHEMES = ("https", "http", "ssh", "oci", "file")
_SCP_LIKE = re.compile(r"[\w.-]+@[\w.-]+:\S+\Z")


class SpecWish(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of a spec that somebody names; None = not named."""

    repo_url: str | None = None
    path: str | None = None
    revision: str | None = None
    recurse: bool | None = None
    include: str | None = None
    exclude: str | None = None
    server: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    project: str | None = None
    automated: bool | None = None
    prune: bool | None = None
    self_heal: bool | None = None
    allow_empty: bool | None = None
    options: tuple[str, ...] = ()  # `Name=value`, or `!Name` to take one off
    history_limit: int | None = None
    source_position: int = 0  # which of many sources, from 1; 0 = the only one

    @property
    def nothing(self) -> bool:
        """Whether no field is named."""
        return self == SpecWish(source_position=self.source_position)


class NewApplication(msgspec.Struct, frozen=True, kw_only=True):
    """An Application to be made."""

    name: str
    namespace: str
    spec: SpecWish
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    cascade: str = "none"  # a word of CASCADES: whether its deletion takes its objects along


class SyncWish(msgspec.Struct, frozen=True):
    """A sync that somebody asks for."""

    revision: str = ""
    prune: bool = False
    only: tuple[tuple[str, str, str], ...] = ()  # (group, kind, name)


def application_body(new: NewApplication) -> dict[str, Any]:
    """The Application to create."""
    wish = new.spec
    if not (wish.server or wish.cluster):
        wish = msgspec.structs.replace(wish, server=IN_CLUSTER[0])
    wish = msgspec.structs.replace(
        wish, project=wish.project or "default", revision=wish.revision or "HEAD", path=wish.path or "."
    )
    metadata: dict[str, Any] = {"name": new.name, "namespace": new.namespace}
    for field, marks in (("labels", new.labels), ("annotations", new.annotations)):
        if marks:
            metadata[field] = dict(marks)
    if CASCADES[new.cascade]:
        metadata["finalizers"] = [CASCADES[new.cascade]]
    spec = _without_nulls(spec_patch(f"Application/{new.name}", {}, wish))
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}


def spec_patch(subject: str, spec: Mapping[str, Any], wish: SpecWish) -> dict[str, Any]:
    """The merge patch that gives a spec the named fields.

    Raises:
        Blocked: it is not clear which of many sources is meant, or a flag needs the automated policy.
    """
    patch: dict[str, Any] = {}
    _check_repository(subject, wish.repo_url)
    if source := _source_patch(wish):
        patch |= _at_source(subject, spec, source, wish.source_position)
    if destination := _destination_patch(wish):
        patch["destination"] = destination
    if wish.project is not None:
        patch["project"] = wish.project
    if wish.history_limit is not None:
        patch["revisionHistoryLimit"] = wish.history_limit
    if policy := _policy_patch(subject, spec.get("syncPolicy") or {}, wish):
        patch["syncPolicy"] = policy
    return patch


def _check_repository(subject: str, repo_url: str | None) -> None:
    scheme = (repo_url or "https://").partition("://")[0].lower()
    known = scheme in _SCHEMES or (repo_url or "").startswith("/") or _SCP_LIKE.match(repo_url or "")
    if not known:
        raise Blocked(
            subject,
            f"{repo_url!r} is no repository that this version reads",
            field="spec.source.repoURL",
            next_step=f"Write it as {', '.join(f'{name}://...' for name in _SCHEMES)}",
        )


def _source_patch(wish: SpecWish) -> dict[str, Any]:
    named = {"repoURL": wish.repo_url, "path": wish.path, "targetRevision": wish.revision}
    source: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    directory = {"recurse": wish.recurse, "include": wish.include, "exclude": wish.exclude}
    inside = {name: value for name, value in directory.items() if value is not None}
    if inside:
        source["directory"] = {name: value or None for name, value in inside.items()}
    return source


def _at_source(subject: str, spec: Mapping[str, Any], patch: dict[str, Any], position: int) -> dict[str, Any]:
    sources = list(spec.get("sources") or ())
    if not sources and position in (0, 1):
        return {"source": patch}
    if not 1 <= position <= len(sources):
        raise Blocked(
            subject,
            f"it has {len(sources) or 'one'} source{'s' if len(sources) > 1 else ''}",
            field="spec.sources",
            next_step=f"Say which one with --source-position 1 to {len(sources) or 1}",
        )
    one = dict(sources[position - 1])
    directory = dict(one.get("directory") or {}) | patch.pop("directory", {})
    one |= patch
    if directory:
        one["directory"] = _without_nulls(directory)
    return {"sources": [*sources[: position - 1], one, *sources[position:]]}


def _destination_patch(wish: SpecWish) -> dict[str, Any]:
    destination: dict[str, Any] = {}
    if wish.server is not None:
        destination |= {"server": wish.server, "name": None}
    if wish.cluster is not None:
        destination |= {"name": wish.cluster, "server": None}
    if wish.namespace is not None:
        destination["namespace"] = wish.namespace
    return destination


def _policy_patch(subject: str, policy: Mapping[str, Any], wish: SpecWish) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    named = {"prune": wish.prune, "selfHeal": wish.self_heal, "allowEmpty": wish.allow_empty}
    flags: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    there = policy.get("automated") is not None
    if flags and not there and not wish.automated:
        raise Blocked(
            subject,
            "its sync policy is manual, so nothing is pruned or healed by itself",
            field="spec.syncPolicy",
            next_step="Add --sync-policy automated",
        )
    if wish.automated:
        patch["automated"] = {"enabled": None} | flags
    elif wish.automated is False and there:
        patch["automated"] = {"enabled": False} | flags  # what else it says stays for the day it is switched on again
    elif flags:
        patch["automated"] = flags
    if wish.options:
        patch["syncOptions"] = _options(policy.get("syncOptions") or (), wish.options)
    return patch


def _options(before: Iterable[str], wished: Iterable[str]) -> list[str]:
    options = {option.partition("=")[0]: option for option in before}
    for option in wished:
        name = option.removeprefix("!").partition("=")[0]
        options.pop(name, None)
        if not option.startswith("!"):
            options[name] = option
    return list(options.values())


def operation_body(wish: SyncWish, user: str, request: str) -> dict[str, Any]:
    """The `.operation` of a sync; `request` tells it from another that asks for the same."""
    sync: dict[str, Any] = {}
    if wish.revision:
        sync["revision"] = wish.revision
    if wish.prune:
        sync["prune"] = True
    if wish.only:
        sync["resources"] = [{"group": group, "kind": kind, "name": name} for group, kind, name in wish.only]
    return {
        "sync": sync,
        "initiatedBy": {"username": user},
        "info": [{"name": REQUEST, "value": request}],
    }


def finalizers_for(before: Iterable[str], cascade: str) -> list[str]:
    """The finalizers of an Application that is deleted with a cascade of that word; others' stay."""
    wanted = CASCADES[cascade]
    kept = [name for name in before if name not in _OURS]
    return [*kept, wanted] if wanted else kept


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value
