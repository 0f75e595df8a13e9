"""The rights that the controller's account gets: listed one by one, no wildcards, nothing that leads further.

Why each is there stands in docs/reference/rights.md.
"""

from collections.abc import Iterable
from typing import Any

Rule = dict[str, Any]

READ = ("get", "list", "watch")
DELIVER = (*READ, "create", "patch", "delete")

_NAMESPACED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("configmaps", "persistentvolumeclaims", "secrets", "serviceaccounts", "services")),
    ("", ("limitranges", "resourcequotas")),
    ("apps", ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("autoscaling", ("horizontalpodautoscalers",)),
    ("batch", ("cronjobs", "jobs")),
    ("networking.k8s.io", ("ingresses", "networkpolicies")),
    ("policy", ("poddisruptionbudgets",)),
    ("rbac.authorization.k8s.io", ("rolebindings", "roles")),
)
_CLUSTER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("namespaces",)),
    ("apiextensions.k8s.io", ("customresourcedefinitions",)),
)


def rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> Rule:
    """One rule of a Role."""
    return {"apiGroups": [group], "resources": sorted(resources), "verbs": list(verbs)}


def cluster_rules(kinds: Iterable[tuple[str, str]], *, observe: bool) -> list[Rule]:
    """The rules of the ClusterRole.

    Args:
        kinds: (group, plural) of further kinds that are delivered.
        observe: only look.
    """
    verbs = READ if observe else DELIVER
    further = sorted(set(kinds))
    rules = [
        rule("argoproj.io", ["applications"], READ if observe else (*READ, "patch")),
        rule("", ["pods"], DELIVER if ("", "pods") in further and not observe else READ),
    ]
    rules += [rule(group, resources, verbs) for group, resources in (*_CLUSTER, *_NAMESPACED)]
    rules += [rule(group, [plural], verbs) for group, plural in further if (group, plural) != ("", "pods")]
    return rules


def control_rules(*, observe: bool) -> list[Rule]:
    """The rules of the Role in the control namespace: projects, credentials, whom we trust, our Lease.

    Args: observe: only look; then there is no Lease to hold.
    """
    rules = [rule("argoproj.io", ["appprojects"], READ), rule("", ["configmaps", "secrets"], READ)]
    if observe:
        return rules
    lease = rule("coordination.k8s.io", ["leases"], ["get", "update"]) | {"resourceNames": ["todoke"]}
    return [*rules, rule("coordination.k8s.io", ["leases"], ["create"]), lease]


COMMENT = """\
# What the controller may do. Change it as you like: what is taken away is reported by name when it is needed.
# - secrets: delivered like any other kind. Without Secrets in Git take the word out; the Role below then still lets
#   it read repository credentials, in the control namespace only.
# - pods: read for the health of workloads. Bare Pods are delivered only after `--kinds pods`, which adds
#   create, patch and delete.
# - namespaces, customresourcedefinitions: the guard holds back an automatic sync that would delete one.
# - roles, rolebindings: Kubernetes lets an account grant only what it holds itself, so a delivered Role with further
#   rights is refused. There is no escalate, bind, impersonate or exec here, and no wildcard.
# - your own kinds: `--kinds cert-manager.io/certificates,monitoring.coreos.com/servicemonitors`
"""

OBSERVE_COMMENT = """\
# Only looking: no right here changes anything.
# - secrets: read to compare those that Git holds. Without Secrets in Git take the word out; the Role below then still
#   lets it read repository credentials, in the control namespace only.
# - your own kinds: `--kinds cert-manager.io/certificates,monitoring.coreos.com/servicemonitors`
"""
