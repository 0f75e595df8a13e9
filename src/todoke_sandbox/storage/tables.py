"""The tables that verbs and controllers know by name."""

from __future__ import annotations

from typing import Final

from todoke_sandbox.storage.store import TableKey

NAMESPACES: Final = TableKey("", "namespaces")
NODES: Final = TableKey("", "nodes")
PODS: Final = TableKey("", "pods")
SERVICES: Final = TableKey("", "services")
ENDPOINTS: Final = TableKey("", "endpoints")
EVENTS: Final = TableKey("", "events")
SECRETS: Final = TableKey("", "secrets")
CONFIG_MAPS: Final = TableKey("", "configmaps")
SERVICE_ACCOUNTS: Final = TableKey("", "serviceaccounts")
CLAIMS: Final = TableKey("", "persistentvolumeclaims")
VOLUMES: Final = TableKey("", "persistentvolumes")
REPLICATION_CONTROLLERS: Final = TableKey("", "replicationcontrollers")
DEPLOYMENTS: Final = TableKey("apps", "deployments")
REPLICA_SETS: Final = TableKey("apps", "replicasets")
STATEFUL_SETS: Final = TableKey("apps", "statefulsets")
DAEMON_SETS: Final = TableKey("apps", "daemonsets")
REVISIONS: Final = TableKey("apps", "controllerrevisions")
JOBS: Final = TableKey("batch", "jobs")
CRON_JOBS: Final = TableKey("batch", "cronjobs")
SLICES: Final = TableKey("discovery.k8s.io", "endpointslices")
INGRESSES: Final = TableKey("networking.k8s.io", "ingresses")
BUDGETS: Final = TableKey("policy", "poddisruptionbudgets")
DEFINITIONS: Final = TableKey("apiextensions.k8s.io", "customresourcedefinitions")
STORAGE_CLASSES: Final = TableKey("storage.k8s.io", "storageclasses")
INGRESS_CLASSES: Final = TableKey("networking.k8s.io", "ingressclasses")
PRIORITY_CLASSES: Final = TableKey("scheduling.k8s.io", "priorityclasses")
