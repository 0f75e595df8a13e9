"""Metrics as Prometheus reads them: Argo CD's names and labels, so that dashboards keep working."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from todoke.api.metrics import Metrics

ARGO_LABELS = {
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
}
SHOP = {
    "metadata": {"namespace": "todoke", "name": "shop"},
    "spec": {
        "project": "default",
        "source": {"repoURL": "https://git.example.com/shop.git", "path": "deploy"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "syncPolicy": {"automated": {"prune": True}},
    },
    "status": {
        "sync": {"status": "Synced"},
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded"},
    },
}


def scraped(metrics: Metrics, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample of that name."""
    families = text_string_to_metric_families(metrics.text().decode())
    return [(s.labels, s.value) for family in families for s in family.samples if s.name == name]


def info(*bodies: dict[str, Any]) -> list[dict[str, str]]:
    metrics = Metrics()
    metrics.watch(lambda: bodies, lambda: 0)
    found = scraped(metrics, "argocd_app_info")
    assert all(value == 1 for _, value in found)
    return [labels for labels, _ in found]


def test_an_application_has_argo_cds_labels() -> None:
    (labels,) = info(SHOP)
    assert set(labels) == ARGO_LABELS
    assert labels == {
        "namespace": "todoke",
        "name": "shop",
        "project": "default",
        "autosync_enabled": "true",
        "repo": "https://git.example.com/shop.git",
        "dest_server": "https://kubernetes.default.svc",
        "dest_namespace": "shop",
        "sync_status": "Synced",
        "health_status": "Healthy",
        "operation": "",
    }


def test_what_nobody_has_looked_at_is_unknown() -> None:
    (labels,) = info({"metadata": {"namespace": "todoke", "name": "new"}, "spec": {}})
    assert (labels["sync_status"], labels["health_status"], labels["autosync_enabled"]) == (
        "Unknown",
        "Unknown",
        "false",
    )


def test_a_paused_application_does_not_sync_by_itself_and_a_running_one_is_told() -> None:
    paused = SHOP["spec"] | {"syncPolicy": {"automated": {"prune": True, "enabled": False}}}
    (labels,) = info(SHOP | {"spec": paused, "status": {"operationState": {"phase": "Running"}}})
    assert (labels["autosync_enabled"], labels["operation"]) == ("false", "sync")


def test_of_several_sources_the_first_is_told() -> None:
    spec = {"sources": [{"repoURL": "https://one.example"}, {"repoURL": "https://two.example"}]}
    (labels,) = info(SHOP | {"spec": spec})
    assert labels["repo"] == "https://one.example"


def test_applications_are_read_at_the_scrape() -> None:
    metrics, bodies, depth = Metrics(), [SHOP], [3]
    metrics.watch(lambda: bodies, lambda: depth[0])
    assert (len(scraped(metrics, "argocd_app_info")), scraped(metrics, "todoke_queue_depth")) == (1, [({}, 3)])
    bodies.clear()
    depth[0] = 0
    assert (scraped(metrics, "argocd_app_info"), scraped(metrics, "todoke_queue_depth")) == ([], [({}, 0)])


def test_counters_and_durations() -> None:
    metrics = Metrics()
    metrics.count("argocd_app_k8s_request_total", verb="GET")
    metrics.count("argocd_app_k8s_request_total", verb="GET")
    metrics.count("argocd_app_k8s_request_total", verb="PATCH", amount=3)
    metrics.count("argocd_git_fetch_fail_total")
    metrics.observe("argocd_git_request_duration_seconds", 0.2, request_type="fetch")
    found = {labels["verb"]: value for labels, value in scraped(metrics, "argocd_app_k8s_request_total")}
    assert found == {"GET": 2, "PATCH": 3}
    assert scraped(metrics, "argocd_git_fetch_fail_total") == [({}, 1)]
    assert scraped(metrics, "argocd_git_request_duration_seconds_count") == [({"request_type": "fetch"}, 1)]
    ((_, total),) = scraped(metrics, "argocd_git_request_duration_seconds_sum")
    assert abs(total - 0.2) < 1e-9


def test_odd_names_do_not_break_the_text() -> None:
    odd = SHOP | {"spec": {"project": 'quo"te\nnew\\line', "source": {"repoURL": "ünï"}}}
    (labels,) = info(odd)
    assert (labels["project"], labels["repo"]) == ('quo"te\nnew\\line', "ünï")


def test_no_login_of_a_repository_is_exposed() -> None:
    metrics = Metrics()
    spec = SHOP["spec"] | {"source": {"repoURL": "https://reader:hunter2@git.example.com/shop.git?token=hunter2"}}
    metrics.watch(lambda: [SHOP | {"spec": spec}], lambda: 0)

    assert b"hunter2" not in metrics.text()
    assert b"git.example.com/shop.git" in metrics.text()
