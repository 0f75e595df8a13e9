"""Application → Deliverable. Pure: the one place that knows how an Application says what it wants."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from todoke.access.honoured import fields_not_honoured
from todoke.model.applications import Application, ApplicationSpec, RetryStrategy, sources_of
from todoke.model.deliverables import Deliverable, DeliverableKey, IgnoredFields, RetryPolicy, SyncBehaviour
from todoke.model.globs import BadGlob, glob_match
from todoke.model.sources import spec_of

OBSERVE = "todoke.dev/observe"
MANAGED_BY = "todoke.dev/managed-by"
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
POLL_SECONDS = "todoke.dev/poll-seconds"
GUARD_PERCENT = "todoke.dev/guard-percent"
IN_CLUSTER = ("https://kubernetes.default.svc", "in-cluster")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LARGEST_FACTOR = 1000.0
_PROPAGATION = {"foreground": "Foreground", "background": "Background", "orphan": "Orphan"}


def is_ours(namespace: str, annotations: Mapping[str, str], control_namespace: str, mark: str) -> bool:
    """Whether this installation acts on an Application: it bears our mark, or lives in our namespace unskipped."""
    found = annotations.get(MANAGED_BY)
    if found is not None:
        return found == mark
    return namespace == control_namespace and annotations.get(SKIP_RECONCILE) != "true"


def deliverable_of(
    application: Application, raw_spec: Mapping[str, Any], control_namespace: str, told_by: str = ""
) -> Deliverable:
    """The deliverable that an Application describes; what is wrong with it stands in `problems`.

    Args: told_by: control namespace of who wrote its status, "" when nobody did.
    """
    meta, spec = application.metadata, application.spec
    marks = meta.annotations or {}
    own = meta.namespace == control_namespace
    return Deliverable(
        key=DeliverableKey("Application", meta.namespace, meta.name),
        uid=meta.uid,
        instance=meta.name if own else f"{meta.namespace}_{meta.name}",
        sources=tuple(spec_of(source) for source in sources_of(spec)),
        namespace=spec.destination.namespace,
        project=spec.project or "default",
        sync=_behaviour(spec, marks),
        ignored=_ignored(spec),
        history_limit=10 if spec.revision_history_limit is None else max(spec.revision_history_limit, 0),
        observe=marks.get(OBSERVE) == "true",
        adopted=MANAGED_BY in marks,
        former=meta.name if MANAGED_BY in marks and not own and told_by == meta.namespace else "",
        problems=tuple(_problems(spec)),
        warnings=tuple(fields_not_honoured(dict(raw_spec))),
    )


def _behaviour(spec: ApplicationSpec, marks: Mapping[str, str]) -> SyncBehaviour:
    policy = spec.sync_policy
    automated = policy.automated if policy else None
    options = options_of(policy.sync_options if policy else None)
    on = automated is not None and automated.enabled is not False
    return SyncBehaviour(
        automated=on,
        prune=bool(automated and automated.prune),
        self_heal=bool(automated and automated.self_heal),
        allow_empty=bool(automated and automated.allow_empty),
        create_namespace=options.get("CreateNamespace") == "true",
        prune_last=options.get("PruneLast") == "true",
        default_prune=options.get("Prune", ""),
        propagation=_PROPAGATION.get(options.get("PrunePropagationPolicy", ""), "Foreground"),
        respect_ignored=options.get("RespectIgnoreDifferences") == "true",
        retry=retry_policy(policy.retry if policy else None),
        guard_percent=int(min(number(marks.get(GUARD_PERCENT, ""), 50), 100)),
    )


def options_of(options: tuple[str, ...] | None) -> dict[str, str]:
    """Sync options as a map: `CreateNamespace=true` → {"CreateNamespace": "true"}."""
    return dict(tuple(part.strip() for part in option.partition("=")[::2]) for option in options or ())  # type: ignore[misc]


def retry_policy(retry: RetryStrategy | None) -> RetryPolicy:
    """The retry strategy with Argo CD's defaults: 5 attempts, 5 s doubling up to 3 min."""
    if retry is None:
        return RetryPolicy()
    backoff = retry.backoff
    return RetryPolicy(
        limit=retry.limit,
        seconds=seconds_of(backoff.duration if backoff else "", 5.0),
        factor=min(float(backoff.factor or 2), _LARGEST_FACTOR) if backoff else 2.0,
        most_seconds=seconds_of(backoff.max_duration if backoff else "", 180.0),
    )


def seconds_of(text: str, default: float) -> float:
    """A duration such as `5s`, `3m`, `1h30m` or a bare number of seconds; the default for anything else."""
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return default
    return sum(float(number) * _UNIT[unit] for number, unit in parts)


def _ignored(spec: ApplicationSpec) -> tuple[IgnoredFields, ...]:
    return tuple(
        IgnoredFields(
            rule.group,
            rule.kind,
            rule.name,
            rule.namespace,
            tuple(rule.json_pointers or ()),
            tuple(rule.managed_fields_managers or ()),
        )
        for rule in spec.ignore_differences or ()
    )


def _problems(spec: ApplicationSpec) -> list[str]:
    problems = []
    sources = sources_of(spec)
    if not sources:
        problems.append("spec.source: there is no source. Set spec.source.repoURL and spec.source.path")
    for position, source in enumerate(sources):
        where = f"spec.sources[{position}]" if spec.sources else "spec.source"
        if not source.repo_url:
            problems.append(f"{where}.repoURL: it is empty. Name the Git repository")
        if source.ref and source.chart:
            problems.append(f"{where}.ref: a chart holds no files for other sources. Remove ref or chart")
    destination = spec.destination
    if destination.server and destination.name:
        problems.append("spec.destination: both server and name are set. Keep one of them")
    elif (destination.server or destination.name).rstrip("/") not in IN_CLUSTER:
        named = destination.server or destination.name or '""'
        problems.append(
            f"spec.destination: the cluster {named} is not known. This version delivers to {IN_CLUSTER[0]} (in-cluster)"
        )
    return [*problems, *_bad_globs(spec)]


def _bad_globs(spec: ApplicationSpec) -> Iterator[str]:
    for position, rule in enumerate(spec.ignore_differences or ()):
        for field, pattern in (("group", rule.group), ("kind", rule.kind)):
            try:
                glob_match(pattern, "")
            except BadGlob as error:
                yield f"spec.ignoreDifferences[{position}].{field}: it is not a glob: {error}"


def number(text: str, default: float) -> float:
    """The number that an annotation says, or the default for anything else."""
    return float(text) if text.replace(".", "", 1).isdecimal() else default
