"""The objects that run the controller in a cluster, as plain values."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from todoke.cli.rights import cluster_rules, control_rules

Body = dict[str, Any]

NAME = "todoke"
_STATE, _SCRATCH, _PORT = "/var/lib/todoke", "/tmp", 8080  # noqa: S108 -- an emptyDir of its own in the Pod
_USER = 65532
_RBAC = "rbac.authorization.k8s.io"


class Installation(NamedTuple):
    """What differs between installations."""

    namespace: str
    image: str
    kinds: tuple[tuple[str, str], ...] = ()  # (group, plural)
    observe: bool = False
    installation: str = ""


def rights(wish: Installation) -> list[Body]:
    """Namespace, account and roles."""
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": wish.namespace}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(wish.namespace)},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(NAME, wish.namespace)},
        _role("ClusterRole", _cluster_name(wish), "", cluster_rules(wish.kinds, observe=wish.observe)),
        _binding("ClusterRole", _cluster_name(wish), "", subject),
        _role("Role", NAME, wish.namespace, control_rules(observe=wish.observe)),
        _binding("Role", NAME, wish.namespace, subject),
    ]


def workload(wish: Installation) -> list[Body]:
    """The Deployment, and a Service for metrics."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(NAME, wish.namespace),
        "spec": {
            "replicas": 1,
            # two controllers must not write at the same time
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "template": {"metadata": {"labels": _labels()}, "spec": _pod(wish)},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(f"{NAME}-metrics", wish.namespace),
        "spec": {
            "selector": {"app.kubernetes.io/name": NAME},
            "ports": [{"name": "metrics", "port": _PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }
    return [deployment, service]


def _pod(wish: Installation) -> Body:
    return {
        "serviceAccountName": NAME,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": NAME,
                "image": wish.image,
                "args": ["serve"],
                "env": _environment(wish),
                "ports": [{"name": "http", "containerPort": _PORT, "protocol": "TCP"}],
                "livenessProbe": _probe("/healthz", 10),
                "readinessProbe": _probe("/readyz", 5),
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "state", "mountPath": _STATE},
                    {"name": "scratch", "mountPath": _SCRATCH},
                ],
            }
        ],
        "volumes": [{"name": "state", "emptyDir": {}}, {"name": "scratch", "emptyDir": {}}],
    }


def _environment(wish: Installation) -> list[Body]:
    values = {
        "TODOKE_NAMESPACE": wish.namespace,
        "TODOKE_LISTEN": f"0.0.0.0:{_PORT}",
        "TODOKE_STATE_FOLDER": _STATE,
        "HOME": _STATE,
    }
    if wish.installation:
        values["TODOKE_INSTALLATION"] = wish.installation
    if wish.observe:
        values["TODOKE_OBSERVE"] = "true"
    return [{"name": name, "value": value} for name, value in values.items()]


def _probe(path: str, seconds: int) -> Body:
    return {"httpGet": {"path": path, "port": "http"}, "periodSeconds": seconds, "timeoutSeconds": 5}


def _cluster_name(wish: Installation) -> str:
    """Cluster-wide names hold the namespace, so that two installations do not share one."""
    return NAME if wish.namespace == NAME else f"{NAME}-{wish.namespace}"


def _labels() -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": NAME}


def _metadata(name: str, namespace: str = "") -> Body:
    return {"name": name, **({"namespace": namespace} if namespace else {}), "labels": _labels()}


def _role(kind: str, name: str, namespace: str, rules: Iterable[Body]) -> Body:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": _metadata(name, namespace),
        "rules": list(rules),
    }


def _binding(role: str, name: str, namespace: str, subject: Body) -> Body:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{role}Binding",
        "metadata": _metadata(name, namespace),
        "roleRef": {"apiGroup": _RBAC, "kind": role, "name": name},
        "subjects": [subject],
    }
