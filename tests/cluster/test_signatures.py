"""A project that wants signatures, with commits that the real git signs."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.command import todoke
from tests.cluster.signing import Person, Signing
from tests.cluster.stage import Stage, config_map
from tests.cluster.test_sync import ask_for_sync, gone
from tests.cluster.waiting import until
from todoke.model.sources import Origin

pytestmark = [
    pytest.mark.anywhere,
    pytest.mark.skipif(not (shutil.which("gpg") and shutil.which("ssh-keygen")), reason="needs GnuPG and OpenSSH"),
]


class Guarded:
    """A stage with a project that wants signatures, and people who sign."""

    def __init__(self, stage: Stage, signing: Signing) -> None:
        self.stage, self.signing = stage, signing
        self._projects = f"/apis/argoproj.io/v1alpha1/namespaces/{stage.namespace}/appprojects"
        self._maps = f"/api/v1/namespaces/{stage.namespace}/configmaps"

    async def project(self, **spec: Any) -> None:
        """The project, once todoke has heard of it."""
        whole = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]} | spec
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "signed"}}
        await self.stage.api.apply(f"{self._projects}/signed", body | {"spec": whole})

        async def heard() -> Any:
            return (self.stage.applications.project("signed") or {}).get("spec")

        await until(heard, lambda found: found == whole)

    async def know(self, name: str, **entries: str) -> None:
        """A ConfigMap of keys, once todoke has heard of it."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": entries}
        await self.stage.api.apply(f"{self._maps}/{name}", body)

        async def heard() -> Any:
            signers = self.stage.applications.trusted().signers
            return {**signers.openpgp, **signers.ssh}

        await until(heard, lambda found: entries.items() <= found.items())

    async def commit(self, color: str, person: Person | None = None) -> str:
        """A commit with one ConfigMap."""
        text = json.dumps(config_map(color=color))
        sha = self.signing.commit(self.stage.repo.path, {"shop/web.yaml": text}, person)
        await self.stage.source.refresh(Origin(self.stage.repo.url))
        return sha

    async def color(self) -> str:
        """What is delivered."""
        return str((await self.stage.live("ConfigMap"))["data"]["color"])


@pytest.fixture
async def guarded(stage: Stage, tmp_path: Path) -> AsyncIterator[Guarded]:
    with Signing(tmp_path) as signing:
        yield Guarded(stage, signing)


def problem(status: dict[str, Any]) -> str:
    (condition,) = status["conditions"]
    assert (condition["type"], status["sync"]["status"]) == ("ComparisonError", "Unknown")
    return str(condition["message"])


async def test_from_an_unsigned_commit_to_a_key_that_is_taken_away(guarded: Guarded) -> None:
    stage, taro = guarded.stage, guarded.signing.openpgp("Taro")
    await guarded.project(signatureKeys=[{"keyID": taro.key}])
    sha = await guarded.commit("red")
    await stage.application(project="signed")
    said = problem(await stage.settled())
    assert f"commit {sha} by Taro Test <taro@example.org> is not signed" in said
    assert "spec.signatureKeys of AppProject/signed" in said
    assert await gone(stage, "ConfigMap")
    shown = await todoke("app", "get", "shop", stage=stage, kubeconfig=stage.plane.kubeconfig_path)
    assert "is not signed" in shown.out

    await guarded.commit("blue", taro)
    assert f"key {taro.fingerprint}, which is not known. Add it to the ConfigMap argocd-gpg-keys-cm" in problem(
        await stage.settled()
    )
    await guarded.know("argocd-gpg-keys-cm", **{taro.key: taro.public})
    status = await stage.settled()
    assert (status["sync"]["status"], status["conditions"]) == ("Synced", [])
    assert await guarded.color() == "blue"
    await stage.assert_quiet(("ConfigMap", "web"))
    planned = await todoke("app", "plan", "shop", stage=stage, kubeconfig=stage.plane.kubeconfig_path)
    assert (planned.code, "refused" in planned.out + planned.err) == (0, False)

    other = guarded.signing.ssh("hana")
    await guarded.project(signatureKeys=[{"keyID": other.key}])
    assert f"signed by the key {taro.fingerprint}, which is not in spec.signatureKeys" in problem(await stage.settled())
    await guarded.commit("green", taro)
    problem(await stage.settled())
    assert await guarded.color() == "blue"  # what is there stays as it is
    await guarded.know("todoke-ssh-signers", allowed_signers=f"* {other.public}")
    await guarded.commit("yellow", other)
    assert (await stage.settled())["sync"]["status"] == "Synced"
    assert await guarded.color() == "yellow"


async def test_a_person_can_deploy_what_is_signed_and_nothing_else(guarded: Guarded) -> None:
    stage, taro = guarded.stage, guarded.signing.openpgp("Taro")
    await guarded.know("argocd-gpg-keys-cm", **{taro.key: taro.public})
    await guarded.project(signatureKeys=[{"keyID": taro.key}])
    good = await guarded.commit("blue", taro)
    bad = await guarded.commit("red")
    guarded.signing.tag(stage.repo.path, "v1", taro)
    await stage.source.refresh(Origin(stage.repo.url))
    await stage.application(project="signed", policy=None)
    status = await ask_for_sync(stage, revision=bad)
    assert "is not signed" in problem(status)
    assert status["operationState"]["phase"] == "Error"
    assert await gone(stage, "ConfigMap")

    status = await ask_for_sync(stage, revision=good)
    assert status["operationState"]["phase"] == "Succeeded"
    assert await guarded.color() == "blue"
    assert "is not signed" in problem(await stage.settled())  # of the branch

    status = await ask_for_sync(stage, revision="v1")  # the tag is signed, the commit is not
    assert (status["operationState"]["phase"], await guarded.color()) == ("Succeeded", "red")
    planned = await todoke("app", "plan", "shop", stage=stage, kubeconfig=stage.plane.kubeconfig_path)
    assert "it would be refused" in planned.out + planned.err


async def test_every_source_is_held_to_its_own_policy(guarded: Guarded, tmp_path: Path) -> None:
    """Also one that only holds value files."""
    stage, taro = guarded.stage, guarded.signing.openpgp("Taro")
    await guarded.know("argocd-gpg-keys-cm", **{taro.key: taro.public})
    values = type(stage.repo).create(tmp_path / "values.git")
    guarded.signing.commit(values.path, {"web.yaml": "color: blue\n"})
    chart = {"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
             "chart/templates/web.yaml": json.dumps(config_map(color="{{ .Values.color }}"))}  # fmt: skip
    guarded.signing.commit(stage.repo.path, chart, taro)
    policies = [
        {"repos": [{"url": "*"}, {"url": f"!{values.url}"}], "gpg": {"mode": "strict", "keys": [taro.key]}},
        {"repos": [{"url": values.url}], "gpg": {"mode": "none", "keys": []}},
    ]
    await guarded.project(sourceIntegrity={"git": {"policies": policies}})
    sources = [
        {"repoURL": stage.repo.url, "path": "chart", "targetRevision": "main",
         "helm": {"valueFiles": ["$values/web.yaml"]}},
        {"repoURL": values.url, "targetRevision": "main", "ref": "values"},
    ]  # fmt: skip
    await stage.application(project="signed", source=None, sources=sources)
    status = await stage.settled()
    assert (status["sync"]["status"], await guarded.color()) == ("Synced", "blue")

    policies[1]["gpg"] = {"mode": "head", "keys": [taro.key]}
    await guarded.project(sourceIntegrity={"git": {"policies": policies}})
    said = problem(await stage.settled())
    assert "values.git" in said
    assert "keys of AppProject/signed" in said
