"""Prometheus metrics. Names are Argo CD's where they mean the same, so that dashboards keep working."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from todoke.model.sources import shown_url

_LABELS = {
    "argocd_app_k8s_request_total": ("verb",),
    "argocd_git_request_total": ("request_type",),
    "argocd_git_fetch_fail_total": (),
    "todoke_git_mirrors_evicted_total": (),
    "todoke_render_cache_total": ("result",),
    "todoke_render_requests_total": ("engine", "outcome"),
    "todoke_render_worker_ends_total": ("reason",),
    "todoke_webhook_events_total": ("outcome", "provider"),
}
_HELP = {
    "argocd_app_k8s_request_total": "Requests to the Kubernetes API by method.",
    "argocd_git_request_total": "Requests to Git repositories by type.",
    "argocd_git_fetch_fail_total": "Fetches that failed.",
    "argocd_git_request_duration_seconds": "Seconds a request to a Git repository took.",
    "todoke_git_mirrors_evicted_total": "Git mirrors that were removed to make room.",
    "todoke_charts_request_total": "Requests to Helm repositories and OCI registries.",
    "todoke_charts_request_duration_seconds": "Seconds a request to a Helm repository or an OCI registry took.",
    "todoke_render_cache_total": "Renderings asked for, by whether they were known: hit, miss, error.",
    "todoke_render_requests_total": "Requests to the render worker, and runs of plugins, by engine and outcome: "
    "rendered, failed, ended.",
    "todoke_render_duration_seconds": "Seconds a request to the render worker or a run of a plugin took.",
    "todoke_render_worker_ends_total": "Processes of the render worker that ended, by reason.",
    "todoke_webhook_events_total": "Webhook events by provider and outcome: signed, unsigned, nothing, not_signed, "
    "not_understood, refused.",
}
_INFO = (
    "namespace",
    "name",
    "project",
    "autosync_enabled",
    "repo",
    "dest_server",
    "dest_namespace",
    "sync_status",
    "health_status",
    "operation",
)


class Metrics:
    """The Telemetry port on Prometheus, and a gauge per application that is read at scrape time only."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._families: dict[str, Counter] = {}
        self._counters: dict[tuple[Any, ...], Counter] = {}  # looked up once per request: by name and labels
        self._histograms: dict[str, Histogram] = {}
        self._applications: Callable[[], Iterable[Mapping[str, Any]]] = tuple
        self._queue_depth: Callable[[], int] = int
        self._registry.register(self)

    def watch(self, applications: Callable[[], Iterable[Mapping[str, Any]]], queue_depth: Callable[[], int]) -> None:
        """Where the applications and the queue's length are read at a scrape."""
        self._applications, self._queue_depth = applications, queue_depth

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        place = (name, *labels.items())
        counter = self._counters.get(place)
        if counter is None:
            counter = self._counters[place] = self._counter(name, labels)
        counter.inc(amount)

    def _counter(self, name: str, labels: Mapping[str, str]) -> Counter:
        family = self._families.get(name)
        if family is None:
            names = _LABELS.get(name, tuple(sorted(labels)))
            family = self._families[name] = Counter(name, _HELP.get(name, name), names, registry=self._registry)
        return family.labels(**labels) if labels else family

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record a duration."""
        histogram = self._histograms.get(name)
        if histogram is None:
            histogram = self._histograms[name] = Histogram(
                name, _HELP.get(name, name), tuple(sorted(labels)), registry=self._registry
            )
        (histogram.labels(**labels) if labels else histogram).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """Called by Prometheus' registry: the applications as they are now."""
        info = GaugeMetricFamily("argocd_app_info", "Information about an application.", labels=_INFO)
        for body in self._applications():
            info.add_metric(_info(body), 1)
        yield info
        depth = GaugeMetricFamily("todoke_queue_depth", "Applications that wait for a look.")
        depth.add_metric([], self._queue_depth())
        yield depth

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)


def _info(body: Mapping[str, Any]) -> list[str]:
    meta, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    source: Mapping[str, Any] = spec.get("source") or next(iter(spec.get("sources") or ()), {})
    destination = spec.get("destination") or {}
    automated = (spec.get("syncPolicy") or {}).get("automated")
    state = status.get("operationState") or {}
    return [
        meta.get("namespace", ""),
        meta.get("name", ""),
        spec.get("project", ""),
        str(automated is not None and automated.get("enabled") is not False).lower(),
        shown_url(source.get("repoURL", "")),
        destination.get("server", ""),
        destination.get("namespace", ""),
        (status.get("sync") or {}).get("status", "Unknown"),
        (status.get("health") or {}).get("status", "Unknown"),
        "sync" if state.get("phase") == "Running" else "",
    ]
