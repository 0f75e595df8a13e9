"""The roles and bindings that every cluster begins with, as far as the sandbox serves what they are about.

Source: Kubernetes documentation, "Default roles and role bindings"; the rules of a real 1.37 server.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from todoke_sandbox.server.access.authorize import API_GROUP, AUTHENTICATED, MASTERS, UNAUTHENTICATED

Json = dict[str, Any]

_READ: Final = ["get", "list", "watch"]
_WRITE: Final = ["create", "delete", "deletecollection", "patch", "update"]
_ALL: Final = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_PUBLIC_PATHS: Final = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY_PATHS: Final = [
    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version",
    "/version/",
]  # fmt: skip

_VIEW: Final = """
- configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers \
replicationcontrollers/scale serviceaccounts services services/status
- bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas \
resourcequotas/status
- namespaces
- events
discovery.k8s.io endpointslices
apps controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets \
replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status
autoscaling horizontalpodautoscalers horizontalpodautoscalers/status
batch cronjobs cronjobs/status jobs jobs/status
policy poddisruptionbudgets poddisruptionbudgets/status
networking.k8s.io ingresses ingresses/status networkpolicies
"""
"""One rule a line: group (`-` for none) and resources."""

_EDIT: Final = """
- pods pods/attach pods/exec pods/portforward pods/proxy
- configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts \
services services/proxy
- events
apps daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale
autoscaling horizontalpodautoscalers
batch cronjobs jobs
policy poddisruptionbudgets
networking.k8s.io ingresses networkpolicies
"""
_EDIT_READ: Final = "- pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"


def roles() -> list[Json]:
    """ClusterRoles, without what only the store gives."""
    view = list(_rules(_VIEW, _READ))
    edit = [
        *_rules(_EDIT_READ, _READ),
        *_rules("- serviceaccounts", ["impersonate"]),
        *_rules(_EDIT, _WRITE),
        *_rules("- pods/eviction serviceaccounts/token", ["create"]),
        *_rules("coordination.k8s.io leases", _ALL),
        *view,
    ]
    admin = [
        *edit,
        *_rules("authorization.k8s.io localsubjectaccessreviews", ["create"]),
        *_rules(f"{API_GROUP} rolebindings roles", _ALL),
    ]
    basic = "authorization.k8s.io selfsubjectaccessreviews selfsubjectrulesreviews"
    everything = [_rule("*", ["*"], ["*"]), {"nonResourceURLs": ["*"], "verbs": ["*"]}]
    return [
        _role("cluster-admin", everything),
        _role("admin", admin),
        _role("edit", edit),
        _role("view", view),
        _role("system:discovery", [{"nonResourceURLs": _DISCOVERY_PATHS, "verbs": ["get"]}]),
        _role(
            "system:basic-user",
            [*_rules(basic, ["create"]), *_rules("authentication.k8s.io selfsubjectreviews", ["create"])],
        ),
        _role("system:public-info-viewer", [{"nonResourceURLs": _PUBLIC_PATHS, "verbs": ["get"]}]),
    ]


def bindings() -> list[Json]:
    """ClusterRoleBindings of these roles."""
    return [
        _binding("cluster-admin", MASTERS),
        _binding("system:discovery", AUTHENTICATED),
        _binding("system:basic-user", AUTHENTICATED),
        _binding("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED),
    ]


def _rules(text: str, verbs: list[str]) -> Iterator[Json]:
    for line in filter(None, text.splitlines()):
        group, *resources = line.split()
        yield _rule("" if group == "-" else group, resources, verbs)


def _rule(group: str, resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _role(name: str, rules: list[Json]) -> Json:
    return {"apiVersion": f"{API_GROUP}/v1", "kind": "ClusterRole", "metadata": _metadata(name), "rules": rules}


def _binding(name: str, *groups: str) -> Json:
    subjects = [{"apiGroup": API_GROUP, "kind": "Group", "name": group} for group in groups]
    role = {"apiGroup": API_GROUP, "kind": "ClusterRole", "name": name}
    body: Json = {"apiVersion": f"{API_GROUP}/v1", "kind": "ClusterRoleBinding", "metadata": _metadata(name)}
    return body | {"roleRef": role, "subjects": subjects}


def _metadata(name: str) -> Json:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    return {"name": name, "labels": labels, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}}
