"""Parts of an Application in the words of tables."""

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def reference(body: Body) -> str:
    """`application.argoproj.io/shop`, as kubectl prints names."""
    return f"application.argoproj.io/{body['metadata']['name']}"


def sync_word(body: Body) -> str:
    """Synced, OutOfSync or Unknown."""
    return str(((body.get("status") or {}).get("sync") or {}).get("status") or "Unknown")


def health_word(body: Body) -> str:
    """The application's health in one word."""
    return str(((body.get("status") or {}).get("health") or {}).get("status") or "Unknown")


def policy_word(body: Body) -> str:
    """`Auto-Prune` and the like, `Paused`, or `Manual`."""
    automated = ((body.get("spec") or {}).get("syncPolicy") or {}).get("automated")
    if automated is None:
        return "Manual"
    if automated.get("enabled") is False:
        return "Paused"
    return "Auto" + ("-Prune" if automated.get("prune") else "") + ("-Heal" if automated.get("selfHeal") else "")


def sources(body: Body) -> list[Mapping[str, Any]]:
    """Its sources, whichever field names them."""
    spec = body.get("spec") or {}
    return list(spec.get("sources") or ([spec["source"]] if spec.get("source") else []))


def revision(entry: Mapping[str, Any]) -> str:
    """The short revision of a status or history entry; several with commas."""
    found = entry.get("revisions") or ([entry["revision"]] if entry.get("revision") else [])
    return ",".join(str(sha)[:8] for sha in found)


def destination(body: Body) -> str:
    """Cluster and namespace."""
    target = (body.get("spec") or {}).get("destination") or {}
    cluster = target.get("name") or target.get("server") or ""
    cluster = "in-cluster" if cluster.rstrip("/") == "https://kubernetes.default.svc" else cluster
    return f"{cluster}/{target.get('namespace', '')}"


def conditions(body: Body) -> list[Mapping[str, Any]]:
    """What a person should know of it."""
    return list((body.get("status") or {}).get("conditions") or ())
