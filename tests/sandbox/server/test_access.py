"""Who is let in, and what they may do."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cases import load
from tests.sandbox.contract.player import Server
from tests.sandbox.server.serving import Serving, refusal
from todoke_sandbox.server.access import default_roles, escalation
from todoke_sandbox.server.access.authorize import Asked, Policy, User, authorize

Json = dict[str, Any]

CASES = load((Path(__file__).parent / "cases" / "rights.yaml").read_text())


def _policy(case: Json) -> Policy:
    roles = {("ClusterRole", "", body["metadata"]["name"]): body["rules"] for body in default_roles.roles()}
    for name, rules in case.get("roles", {}).items():
        roles["Role", "here", name] = rules
        roles["ClusterRole", "", name] = rules
    local = [{"metadata": {"name": "b", "namespace": "here"}, **binding} for binding in case.get("bindings", ())]
    everywhere = [{"metadata": {"name": "c"}, **binding} for binding in case.get("clusterBindings", ())]

    def rules(kind: str, namespace: str, name: str) -> Any:
        return roles.get((kind, "" if kind == "ClusterRole" else namespace, name))

    return Policy([*default_roles.bindings(), *everywhere], local, rules)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_rights(case: Json) -> None:
    user = User(case["user"], tuple(case.get("groups", ("system:authenticated",))))
    policy = _policy(case)
    for allowed in (True, False):
        for asked in case.get("may" if allowed else "may not", ()):
            decision = authorize(user, Asked(**asked), policy)
            assert decision.allowed is allowed, (asked, decision)


def test_rights_are_handed_on_only_when_held() -> None:
    rules = [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}]
    held = [{"apiGroups": ["", "apps"], "resources": ["pods", "*/log"], "verbs": ["*"]}]
    binding = {
        "metadata": {"name": "b", "namespace": "here"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "tim"}],
    }
    policy = Policy([], [binding], lambda *_: held)
    assert escalation.refusal(User("tim"), rules, policy) == ""
    assert "pods/log" in escalation.refusal(User("eve"), rules, policy)
    wider = [{"nonResourceURLs": ["/x"], "verbs": ["get"]}]
    assert escalation.refusal(User("tim", ("g",)), wider, policy) == (
        'user "tim" (groups=["g"]) is attempting to grant RBAC permissions not currently held:\n'
        '{NonResourceURLs:["/x"], Verbs:["get"]}'
    )


def as_robot(serving: Serving, place: str, name: str = "robot", **spec: Any) -> Server:
    """The server as a ServiceAccount asks it; the account is made if need be."""
    accounts = f"/api/v1/namespaces/{place}/serviceaccounts"
    serving.admin.ask("POST", accounts, {"metadata": {"name": name}})
    answer = serving.admin.ask("POST", f"{accounts}/{name}/token", {"spec": spec})
    assert answer.status == 201, answer.body
    return Server(serving.url, answer.body["status"]["token"], serving.trust)


def whoami(server: Server) -> Any:
    """Name of the user, or the code of the refusal."""
    answer = server.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    return answer.body["status"]["userInfo"]["username"] if answer.status == 201 else answer.status


def test_a_token_is_that_of_its_account(serving: Serving, place: str) -> None:
    assert whoami(as_robot(serving, place)) == f"system:serviceaccount:{place}:robot"


def test_a_token_ends_when_its_time_is_over(own: Serving) -> None:
    robot = as_robot(own, "default", expirationSeconds=600)
    own.clock.ahead = timedelta(seconds=590)
    assert whoami(robot) == "system:serviceaccount:default:robot"
    own.clock.ahead = timedelta(seconds=601)
    assert whoami(robot) == 401


def test_a_token_dies_with_its_account_even_if_there_is_another_of_its_name(serving: Serving, place: str) -> None:
    robot = as_robot(serving, place)
    path = f"/api/v1/namespaces/{place}/serviceaccounts"
    serving.admin.ask("DELETE", f"{path}/robot")
    assert whoami(robot) == 401
    serving.admin.ask("POST", path, {"metadata": {"name": "robot"}})
    assert whoami(robot) == 401


def test_a_token_dies_with_the_pod_it_is_bound_to(serving: Serving, place: str) -> None:
    pods = f"/api/v1/namespaces/{place}/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}
    assert serving.admin.ask("POST", pods, pod).status == 201
    robot = as_robot(serving, place, boundObjectRef={"kind": "Pod", "name": "p"})
    info = robot.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}).body["status"]["userInfo"]
    assert info["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    serving.admin.ask("DELETE", f"{pods}/p?gracePeriodSeconds=0")
    assert whoami(robot) == 401


def test_tokens_are_not_shown_again(serving: Serving, place: str) -> None:
    robot = as_robot(serving, place)
    everything = json.dumps(
        [stored.body for table in serving.api.store.tables() for stored in serving.api.store.items(table)]
    )
    assert robot.token not in everything
    assert serving.admin.token not in everything


def test_others_are_impersonated_only_by_right(serving: Serving, place: str) -> None:
    robot = as_robot(serving, place)
    me = {"Impersonate-User": "bob", "Impersonate-Group": "team"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    code, _, message = refusal(robot.ask("POST", path, {}, me))
    assert code == 403
    assert 'cannot impersonate resource "users"' in message
    rules = [
        {"apiGroups": [""], "resources": ["users"], "resourceNames": ["bob"], "verbs": ["impersonate"]},
        {"apiGroups": [""], "resources": ["groups"], "resourceNames": ["team"], "verbs": ["impersonate"]},
    ]
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    serving.admin.ask("POST", f"{rbac}/clusterroles", {"metadata": {"name": place}, "rules": rules})
    binding = {
        "metadata": {"name": place},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": place},
        "subjects": [{"kind": "ServiceAccount", "namespace": place, "name": "robot"}],
    }
    assert serving.admin.ask("POST", f"{rbac}/clusterrolebindings", binding).status == 201
    assert robot.ask("POST", path, {}, me).body["status"]["userInfo"]["username"] == "bob"
    assert robot.ask("POST", path, {}, me | {"Impersonate-Group": "system:masters"}).status == 403
    assert robot.ask("POST", path, {}, me | {"Impersonate-User": "eve"}).status == 403


def test_a_group_without_a_user_cannot_be_impersonated(serving: Serving) -> None:
    code, reason, _ = refusal(serving.admin.ask("GET", "/api", headers={"Impersonate-Group": "team"}))
    assert (code, reason) == (400, "BadRequest")


def test_who_says_nothing_is_anonymous(serving: Serving) -> None:
    nobody = {"Authorization": ""}
    assert serving.admin.ask("GET", "/version", headers=nobody).status == 200
    code, _, message = refusal(serving.admin.ask("GET", "/api/v1/namespaces", headers=nobody))
    assert code == 403
    assert 'User "system:anonymous" cannot list resource "namespaces"' in message


def test_an_editor_edits_its_namespace_alone(serving: Serving, place: str) -> None:
    robot = as_robot(serving, place)
    binding = {
        "metadata": {"name": "edit"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "namespace": place, "name": "robot"}],
    }
    serving.admin.ask("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{place}/rolebindings", binding)
    body = {"metadata": {"name": "a"}}
    assert robot.ask("POST", f"/api/v1/namespaces/{place}/configmaps", body).status == 201
    assert robot.ask("GET", f"/api/v1/namespaces/{place}/configmaps/a").status == 200
    assert robot.ask("POST", "/api/v1/namespaces/default/configmaps", body).status == 403
    assert robot.ask("GET", "/api/v1/configmaps").status == 403
    assert robot.ask("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{place}/roles", body).status == 403


def test_an_apply_that_makes_an_object_needs_the_right_to_create(serving: Serving, place: str) -> None:
    robot = as_robot(serving, place)
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{place}"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}]
    serving.admin.ask("POST", f"{rbac}/roles", {"metadata": {"name": "patcher"}, "rules": rules})
    binding = {
        "metadata": {"name": "patcher"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "patcher"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot"}],
    }
    assert serving.admin.ask("POST", f"{rbac}/rolebindings", binding).status == 201
    path = f"/api/v1/namespaces/{place}/configmaps/a"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    kind = {"Content-Type": "application/apply-patch+yaml"}
    code, _, message = refusal(robot.ask("PATCH", f"{path}?fieldManager=r", body, kind))
    assert code == 403
    assert 'cannot create resource "configmaps"' in message
    serving.admin.ask("POST", f"/api/v1/namespaces/{place}/configmaps", {"metadata": {"name": "a"}})
    assert robot.ask("PATCH", f"{path}?fieldManager=r", body, kind).status == 200
