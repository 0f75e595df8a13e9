"""`todoke install`: what it prints is what a cluster needs, and no more."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cli.conftest import Workshop
from tests.cluster.client import ApiClient, ApiError
from tests.cluster.control_plane import ControlPlane
from todoke.cluster.client import KubeClient
from todoke.cluster.connection import load
from todoke.cluster.install import install_definitions
from todoke.model.crd import custom_resource_definitions
from todoke.model.errors import Blocked
from todoke.model.telemetry import Silent

READ = {"get", "list", "watch"}


def printed(workshop: Workshop, *flags: str) -> dict[str, Any]:
    """The printed objects by kind."""
    return {body["kind"]: body for body in yaml.safe_load_all(workshop.run("install", "manifests", *flags).stdout)}


def verbs(rules: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    return {(rule["apiGroups"][0], one): set(rule["verbs"]) for rule in rules for one in rule["resources"]}


def test_crds_are_printed_or_applied(workshop: Workshop) -> None:
    names = ["applications.argoproj.io", "appprojects.argoproj.io", "applicationsets.argoproj.io"]
    documents = list(yaml.safe_load_all(workshop.run("install", "crds").stdout))
    assert [body["metadata"]["name"] for body in documents] == names
    assert documents == list(custom_resource_definitions())
    assert workshop.installed == []
    result = workshop.run("install", "crds", "--apply")
    assert workshop.installed == names
    assert result.stdout.splitlines()[0] == "CustomResourceDefinition/applications.argoproj.io created"


def test_rights_are_listed_one_by_one(workshop: Workshop) -> None:
    found = printed(workshop)
    rights = verbs(found["ClusterRole"]["rules"])
    assert rights["apps", "deployments"] == READ | {"create", "patch", "delete"}
    assert rights["", "namespaces"] == READ | {"create", "patch", "delete"}
    assert rights["", "pods"] == READ
    assert rights["argoproj.io", "applications"] == READ | {"patch"}
    *reading, create, hold = found["Role"]["rules"]
    assert verbs(reading) == {
        ("argoproj.io", "appprojects"): READ,
        ("", "configmaps"): READ,
        ("", "secrets"): READ,
    }
    assert verbs([create]) == {("coordination.k8s.io", "leases"): {"create"}}
    assert verbs([hold]) == {("coordination.k8s.io", "leases"): {"get", "update"}}
    assert hold["resourceNames"] == ["todoke"]
    everything = {verb for allowed in rights.values() for verb in allowed}
    assert everything == READ | {"create", "patch", "delete"}
    assert not any("*" in key or "/" in key[1] for key in rights)


def test_further_kinds(workshop: Workshop) -> None:
    rights = verbs(printed(workshop, "--kinds", "cert-manager.io/certificates,pods")["ClusterRole"]["rules"])
    assert rights["cert-manager.io", "certificates"] == READ | {"create", "patch", "delete"}
    assert rights["", "pods"] == READ | {"create", "patch", "delete"}
    assert workshop.run("install", "manifests", "--kinds", "*/*").exit_code == 2


def test_observing_needs_rights_to_read_only(workshop: Workshop) -> None:
    found = printed(workshop, "--observe", "--kinds", "pods")
    rules = [*found["ClusterRole"]["rules"], *found["Role"]["rules"]]
    assert all(set(rule["verbs"]) == READ for rule in rules)
    container = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "TODOKE_OBSERVE", "value": "true"} in container["env"]


def test_the_pod_is_locked_down(workshop: Workshop) -> None:
    pod = printed(workshop, "--namespace", "delivery")["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "TODOKE_NAMESPACE", "value": "delivery"} in container["env"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert all(volume["emptyDir"] == {} for volume in pod["volumes"])


def test_cluster_wide_names_of_two_installations_differ(workshop: Workshop) -> None:
    assert printed(workshop)["ClusterRole"]["metadata"]["name"] == "todoke"
    assert printed(workshop, "-n", "other")["ClusterRoleBinding"]["metadata"]["name"] == "todoke-other"


@pytest.mark.plane
async def test_a_foreign_definition_is_never_replaced(plane: ControlPlane) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    wanted = [_renamed(body) for body in custom_resource_definitions()]
    async with (
        KubeClient(load(str(plane.kubeconfig_path)), Silent()) as client,
        ApiClient(plane.kubeconfig_path) as api,
    ):
        theirs = _renamed(custom_resource_definitions()[1])
        theirs["metadata"]["labels"] = {"app.kubernetes.io/part-of": "argocd"}
        await api.create(definitions, theirs)
        with pytest.raises(Blocked, match="it is part of argocd"):
            await install_definitions(client, wanted)
        with pytest.raises(ApiError, match="NotFound"):
            await api.get(f"{definitions}/{wanted[0]['metadata']['name']}")
        await api.delete(f"{definitions}/{theirs['metadata']['name']}")
        wanted = [wanted[0], wanted[2]]
        assert [line.rpartition(" ")[2] for line in await install_definitions(client, wanted)] == ["created"] * 2
        assert [line.rpartition(" ")[2] for line in await install_definitions(client, wanted)] == ["unchanged"] * 2
        for body in wanted:
            await api.delete(f"{definitions}/{body['metadata']['name']}")


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    """The definition under a group of its own: other tests of this run use the real ones."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(body).replace("argoproj.io", "install.example.org"))
    return copy


@pytest.mark.plane
async def test_the_printed_objects_are_what_the_server_takes(plane: ControlPlane, workshop: Workshop) -> None:
    places = {
        "Namespace": "/api/v1/namespaces",
        "ServiceAccount": "/api/v1/namespaces/printed/serviceaccounts",
        "Service": "/api/v1/namespaces/printed/services",
        "Deployment": "/apis/apps/v1/namespaces/printed/deployments",
        "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/printed/roles",
        "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/printed/rolebindings",
        "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    }
    async with ApiClient(plane.kubeconfig_path) as api:
        for kind, body in printed(workshop, "-n", "printed").items():
            name = body["metadata"]["name"]
            await api.apply(f"{places[kind]}/{name}", body, fieldValidation="Strict")
        for kind in ("ClusterRole", "ClusterRoleBinding", "Namespace"):
            await api.delete(f"{places[kind]}/{'printed' if kind == 'Namespace' else 'todoke-printed'}")
