"""The ServiceAccount of an installation, with exactly the rights that `todoke install manifests` prints.

account = Account(plane, api, namespace, folder)
kubeconfig = await account.install()
await account.allow("example.org", "gadgets")  # as `--kinds example.org/gadgets` would
await account.remove()
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from tests.cluster.client import ApiClient, ApiError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.waiting import until
from todoke.cli.app import root

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_WORKLOAD = ("Deployment", "Service")
_PLURALS = {
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "Role": "roles",
    "RoleBinding": "rolebindings",
}


class Account:
    """One installation's account. The namespace has to exist, everything else is made."""

    def __init__(
        self, plane: ControlPlane, api: ApiClient, namespace: str, folder: Path, *, observe: bool = False
    ) -> None:
        self._plane, self._api, self.namespace, self._observe = plane, api, namespace, observe
        self._kinds: list[str] = []
        self.user = f"system:serviceaccount:{namespace}:todoke"
        self.kubeconfig = folder / f"{namespace}.kubeconfig"

    def printed(self) -> list[dict[str, Any]]:
        """What the command prints, but for the Deployment and its Service."""
        words = ["install", "manifests", "--namespace", self.namespace, "--kinds", ",".join(self._kinds)]
        result = CliRunner().invoke(root, words + (["--observe"] if self._observe else []))
        assert result.exit_code == 0, result.output
        return [body for body in yaml.safe_load_all(result.stdout) if body["kind"] not in _WORKLOAD]

    async def install(self) -> Path:
        """Apply it, and ask for a token: the path of a kubeconfig with it."""
        await self._apply()
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/todoke/token"
        answer = await self._api.create(path, {"spec": {"expirationSeconds": 3600}})
        config = json.loads(self._plane.kubeconfig_path.read_text())
        config["users"][0]["user"] = {"token": answer["status"]["token"]}
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))
        await self._until_may(True, "argoproj.io", "applications", "watch")
        await self._until_may(True, "argoproj.io", "appprojects", "watch", self.namespace)
        return self.kubeconfig

    async def _apply(self) -> None:
        for body in self.printed():
            await self._api.apply(self._path(body), body)

    def _path(self, body: dict[str, Any]) -> str:
        kind, name, namespace = body["kind"], body["metadata"]["name"], body["metadata"].get("namespace", "")
        if kind == "Namespace":
            return f"/api/v1/namespaces/{name}"
        root = "/api/v1" if kind == "ServiceAccount" else _RBAC
        return (
            f"{root}/namespaces/{namespace}/{_PLURALS[kind]}/{name}" if namespace else f"{root}/{_PLURALS[kind]}/{name}"
        )

    async def allow(self, group: str, plural: str) -> None:
        """Add what `--kinds group/plural` adds; returns when it holds."""
        self._kinds.append(f"{group}/{plural}")
        await self._apply()
        await self._until_may(True, group, plural, "list" if self._observe else "patch")

    async def take_away(self, group: str, plural: str, *verbs: str) -> None:
        """Take verbs of one kind out of the ClusterRole, as its owner may; returns when they are gone."""
        (role,) = [body for body in self.printed() if body["kind"] == "ClusterRole"]
        rules = []
        for rule in role["rules"]:
            if rule["apiGroups"] == [group] and plural in rule["resources"]:
                others = [name for name in rule["resources"] if name != plural]
                left = [verb for verb in rule["verbs"] if verb not in verbs]
                rules += [rule | {"resources": others}] if others else []
                rules += [rule | {"resources": [plural], "verbs": left}] if left else []
            else:
                rules.append(rule)
        await self._api.apply(self._path(role), role | {"rules": rules})
        for verb in verbs:
            await self._until_may(False, group, plural, verb)

    async def give_back(self, group: str, plural: str, *verbs: str) -> None:
        """The printed rights again."""
        await self._apply()
        for verb in verbs:
            await self._until_may(True, group, plural, verb)

    async def may(self, group: str, plural: str, verb: str, namespace: str = "") -> bool:
        """Whether the API server would let the account do this."""
        attributes = {"group": group, "resource": plural, "verb": verb, "namespace": namespace}
        spec = {"user": self.user, "resourceAttributes": attributes}
        answer = await self._api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
        return bool(answer["status"]["allowed"])

    async def _until_may(self, wanted: bool, group: str, plural: str, verb: str, namespace: str = "") -> None:
        await until(lambda: self.may(group, plural, verb, namespace), lambda allowed: allowed is wanted)

    async def remove(self) -> None:
        """Delete what is cluster-wide; the rest goes with the namespace."""
        for body in self.printed():
            if body["kind"] in ("ClusterRole", "ClusterRoleBinding"):
                try:
                    await self._api.delete(self._path(body))
                except ApiError as error:
                    assert error.status == 404, error
