"""The built-in resources of the cluster, with what discovery says of them.

Source: the discovery documents of a real 1.37 server; tests/sandbox/server compares them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from todoke_sandbox.registry.resources import ALL_VERBS, Resource
from todoke_sandbox.schema.loader import Schemas

_NO_COLLECTION: Final = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
_ASK: Final = ("create",)
_POD_PARTS: Final = "attach binding eviction exec log portforward proxy status"

_TABLE: Final = """
/v1
bindings                 Binding                 ask
configmaps               ConfigMap               short=cm
endpoints                Endpoints               short=ep singular=endpoints
events                   Event                   short=ev
limitranges              LimitRange              short=limits
namespaces               Namespace               cluster short=ns parts=finalize,status
nodes                    Node                    cluster short=no parts=proxy,status
persistentvolumeclaims   PersistentVolumeClaim   short=pvc parts=status
persistentvolumes        PersistentVolume        cluster short=pv parts=status
pods                     Pod                     all short=po parts=PODS
podtemplates             PodTemplate
replicationcontrollers   ReplicationController   all short=rc parts=scale,status
resourcequotas           ResourceQuota           short=quota parts=status
secrets                  Secret
serviceaccounts          ServiceAccount          short=sa parts=token
services                 Service                 all short=svc parts=proxy,status
apps/v1
controllerrevisions      ControllerRevision
daemonsets               DaemonSet               all short=ds parts=status
deployments              Deployment              all short=deploy parts=scale,status
replicasets              ReplicaSet              all short=rs parts=scale,status
statefulsets             StatefulSet             all short=sts parts=scale,status
authentication.k8s.io/v1
selfsubjectreviews       SelfSubjectReview       cluster ask
tokenreviews             TokenReview             cluster ask
authorization.k8s.io/v1
localsubjectaccessreviews LocalSubjectAccessReview ask
selfsubjectaccessreviews SelfSubjectAccessReview cluster ask
selfsubjectrulesreviews  SelfSubjectRulesReview  cluster ask
subjectaccessreviews     SubjectAccessReview     cluster ask
autoscaling/v2
horizontalpodautoscalers HorizontalPodAutoscaler all short=hpa parts=status
batch/v1
cronjobs                 CronJob                 all short=cj parts=status
jobs                     Job                     all parts=status
networking.k8s.io/v1
ingressclasses           IngressClass            cluster
ingresses                Ingress                 short=ing parts=status
networkpolicies          NetworkPolicy           short=netpol
policy/v1
poddisruptionbudgets     PodDisruptionBudget     short=pdb parts=status
rbac.authorization.k8s.io/v1
clusterrolebindings      ClusterRoleBinding      cluster
clusterroles             ClusterRole             cluster
rolebindings             RoleBinding
roles                    Role
storage.k8s.io/v1
storageclasses           StorageClass            cluster short=sc
apiextensions.k8s.io/v1
customresourcedefinitions CustomResourceDefinition cluster short=crd,crds parts=status api-extensions
scheduling.k8s.io/v1
priorityclasses          PriorityClass           cluster short=pc
coordination.k8s.io/v1
leases                   Lease
discovery.k8s.io/v1
endpointslices           EndpointSlice
"""
"""Groups in the order that discovery names them; per resource its plural, its kind, and what is not usual."""


def resources(schemas: Schemas) -> list[Resource]:
    """Every built-in resource that the cluster serves, in discovery's order."""
    return list(_read(schemas))


def _read(schemas: Schemas) -> Iterator[Resource]:
    group = version = ""
    for line in filter(None, _TABLE.splitlines()):
        plural, *rest = line.split()
        if not rest:
            group, version = plural.split("/")
            continue
        name, *marks = rest
        kind = schemas.kind(group, version, name)
        if kind is None:
            raise LookupError(f"the schema data has no {group}/{version} {name}: run make setup")
        values = dict(mark.split("=") for mark in marks if "=" in mark)
        parts = values.get("parts", "").replace("PODS", _POD_PARTS.replace(" ", ","))
        verbs = _ASK if "ask" in marks else _NO_COLLECTION if plural == "namespaces" else ALL_VERBS
        yield Resource(
            group,
            version,
            plural,
            kind,
            namespaced="cluster" not in marks,
            singular=values.get("singular", name.lower()),
            short_names=tuple(filter(None, values.get("short", "").split(","))),
            categories=tuple(mark for mark in ("all", "api-extensions") if mark in marks),
            subresources=tuple(filter(None, parts.split(","))),
            verbs=verbs,
        )
