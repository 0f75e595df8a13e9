"""Reading one Application for a look: what it describes, whether it may be delivered, where its objects may be."""

from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.access.project import check, unenforced
from todoke.compare.claims import applied_by_argo, applied_by_us, belongs
from todoke.delivery.ports import Cluster
from todoke.delivery.translate import IN_CLUSTER, deliverable_of
from todoke.model.applications import Application, ApplicationDestination, read_application
from todoke.model.deliverables import Deliverable
from todoke.model.errors import Blocked
from todoke.model.objects import Kind, LiveObject
from todoke.model.projects import AppProject, read_project


class Subject(msgspec.Struct, frozen=True):
    """An Application as it is now, and what it describes."""

    body: Mapping[str, Any]
    application: Application
    deliverable: Deliverable


def subject_of(body: Mapping[str, Any], control_namespace: str) -> Subject:
    """Read a decoded Application."""
    application = read_application({name: value for name, value in body.items() if name != "status"}).value
    told_by = str((body.get("status") or {}).get("controllerNamespace") or "")
    return Subject(body, application, deliverable_of(application, body.get("spec") or {}, control_namespace, told_by))


def project_of(body: Mapping[str, Any] | None, name: str) -> AppProject | None:
    """The project in a decoded AppProject, None when there is none.

    Raises:
        Blocked: a rule cannot be read; it must not become a rule that permits.
    """
    if body is None:
        return None
    found = read_project(body)
    if found.problems:
        raise Blocked(f"AppProject/{name}", "; ".join(found.problems), next_step="Correct the project")
    return found.value


def problems_of(subject: Subject, project: AppProject | None, control_namespace: str) -> tuple[str, ...]:
    """Why the application cannot or may not be delivered as it is written; empty when it can."""
    deliverable = subject.deliverable
    refused = () if project is None else unenforced(project)
    reasons = check(
        subject.application,
        project,
        deliverable.project,
        control_namespace=control_namespace,
        destination=ApplicationDestination(IN_CLUSTER[0], IN_CLUSTER[1], deliverable.namespace),
    )
    return (
        *deliverable.problems,
        *reasons,
        *(f"AppProject/{deliverable.project} {field}: this version cannot enforce it" for field in refused),
    )


def owned_of(cluster: Cluster, deliverable: Deliverable, installation: str) -> list[LiveObject]:
    """Live objects that are the application's to prune and to delete, in the kinds that the cluster room knows of."""
    found = [o for o in cluster.owned(deliverable.instance) if belongs(o, installation, adopted=deliverable.adopted)]
    if deliverable.former:
        found += [o for o in cluster.owned(deliverable.former) if applied_by_argo(o) and not applied_by_us(o)]
    return found


def instances_of(deliverable: Deliverable) -> frozenset[str]:
    """The names under which objects may bear the application's tracking id."""
    return frozenset({deliverable.instance, deliverable.former} - {""})


def kinds_of_status(body: Mapping[str, Any]) -> frozenset[Kind]:
    """Kinds of the last status and its hooks, in which objects may be left that the newest revision has no more."""
    status = body.get("status") or {}
    synced = ((status.get("operationState") or {}).get("syncResult") or {}).get("resources") or ()
    resources = (*(status.get("resources") or ()), *(entry for entry in synced if entry.get("hookType")))
    return frozenset(Kind(r.get("group", ""), r.get("version", ""), r.get("kind", "")) for r in resources)
