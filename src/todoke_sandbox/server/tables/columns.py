"""The columns of built-in resources, and what fills them.

Source: the tables of a real 1.37 server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from todoke_sandbox.server.tables import cluster, networking, pods, workloads

Row = Callable[[Mapping[str, Any], datetime], list[Any]]

_ROWS: Final[Mapping[str, tuple[Row, str]]] = {
    "configmaps": (cluster.config_map, "Name, Data, Age"),
    "endpoints": (networking.endpoints, "Name, Endpoints, Age"),
    "events": (
        cluster.event,
        "Last Seen, Type, Reason, Object, +Subobject, +Source, Message, +First Seen, +Count, +Name",
    ),
    "limitranges": (cluster.dated, "Name, Created At:date"),
    "namespaces": (cluster.namespace, "Name, Status, Age"),
    "nodes": (
        cluster.node,
        "Name, Status, Roles, Age, Version, +Internal-IP, +External-IP, +OS-Image, +Kernel-Version, +Container-Runtime",
    ),
    "persistentvolumeclaims": (
        cluster.claim,
        "Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, +VolumeMode",
    ),
    "persistentvolumes": (
        cluster.volume,
        "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age,"
        " +VolumeMode",
    ),
    "pods": (pods.row, "Name, Ready, Status, Restarts, Age, +IP, +Node, +Nominated Node, +Readiness Gates"),
    "podtemplates": (workloads.pod_template, "Name, Containers, Images, Pod Labels"),
    "replicationcontrollers": (
        workloads.replication_controller,
        "Name, Desired:integer, Current:integer, Ready:integer, Age, +Containers, +Images, +Selector",
    ),
    "resourcequotas": (cluster.quota, "Name, Request, Limit, Age"),
    "secrets": (cluster.secret, "Name, Type, Data, Age"),
    "serviceaccounts": (cluster.named, "Name, Age"),
    "services": (networking.service, "Name, Type, Cluster-IP, External-IP, Port(s), Age, +Selector"),
    "customresourcedefinitions.apiextensions.k8s.io": (
        cluster.definition,
        "Name, Scope, Versions, Created At:date, +Group, +Kind, +ShortNames, +Established:boolean",
    ),
    "controllerrevisions.apps": (workloads.controller_revision, "Name, Controller, Revision, Age"),
    "daemonsets.apps": (
        workloads.daemon_set,
        "Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, Node Selector,"
        " Age, +Containers, +Images, +Selector",
    ),
    "deployments.apps": (
        workloads.deployment,
        "Name, Ready, Up-to-date, Available, Age, +Containers, +Images, +Selector",
    ),
    "replicasets.apps": (
        workloads.replica_set,
        "Name, Desired:integer, Current:integer, Ready:integer, Age, +Containers, +Images, +Selector",
    ),
    "statefulsets.apps": (workloads.stateful_set, "Name, Ready, Age, +Containers, +Images"),
    "horizontalpodautoscalers.autoscaling": (
        workloads.autoscaler,
        "Name, Reference, Targets, MinPods, MaxPods, Replicas, Age",
    ),
    "cronjobs.batch": (
        workloads.cron_job,
        "Name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, +Containers, +Images,"
        " +Selector",
    ),
    "jobs.batch": (
        workloads.job,
        "Name, Status, Completions, Duration, Age, +Containers, +Images, +Selector",
    ),
    "leases.coordination.k8s.io": (cluster.lease, "Name, Holder, Age"),
    "endpointslices.discovery.k8s.io": (networking.endpoint_slice, "Name, AddressType, Ports, Endpoints, Age"),
    "ingressclasses.networking.k8s.io": (networking.ingress_class, "Name, Controller, Parameters, Age"),
    "ingresses.networking.k8s.io": (networking.ingress, "Name, Class, Hosts, Address, Ports, Age"),
    "networkpolicies.networking.k8s.io": (networking.network_policy, "Name, Pod-Selector, Age"),
    "poddisruptionbudgets.policy": (
        workloads.disruption_budget,
        "Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age",
    ),
    "clusterrolebindings.rbac.authorization.k8s.io": (
        cluster.binding,
        "Name, Role, Age, +Users, +Groups, +ServiceAccounts",
    ),
    "clusterroles.rbac.authorization.k8s.io": (cluster.dated, "Name, Created At:date"),
    "rolebindings.rbac.authorization.k8s.io": (cluster.binding, "Name, Role, Age, +Users, +Groups, +ServiceAccounts"),
    "roles.rbac.authorization.k8s.io": (cluster.dated, "Name, Created At:date"),
    "priorityclasses.scheduling.k8s.io": (
        cluster.priority_class,
        "Name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy",
    ),
    "storageclasses.storage.k8s.io": (
        cluster.storage_class,
        "Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age",
    ),
}
"""By resource: what makes the cells, and the columns; `+` marks those for wide tables, `:` the type if not text."""


def row_of(resource: str) -> Row:
    """What makes the cells of a built-in resource's objects."""
    found = _ROWS.get(resource)
    return found[0] if found else cluster.dated


@cache
def columns_of(resource: str) -> list[dict[str, Any]]:
    """The columns of a built-in resource. Descriptions are left empty: no client shows them."""
    found = _ROWS.get(resource)
    return [_column(text.strip()) for text in (found[1] if found else "Name, Created At:date").split(",")]


def _column(text: str) -> dict[str, Any]:
    name, _, kind = text.removeprefix("+").partition(":")
    wide = text.startswith("+")
    made = {"name": name, "type": kind or "string", "format": "name" if name == "Name" else ""}
    return made | {"description": "", "priority": int(wide)}
