"""The history of a public manifests repository, rebuilt in Git with its merges, delivered commit by commit."""

import itertools
import json
from typing import Any

import pytest
import yaml

from tests.cases import CORPUS
from tests.cluster.client import ApiError
from tests.cluster.git_repo import Repo
from tests.cluster.stage import Stage, core_kinds
from tests.cluster.waiting import until
from todoke.model.events import SyncEnded
from todoke.model.sources import Origin, RevertRequest

SEED = CORPUS / "seed" / "manifests"
CERTIFICATE = "ManagedCertificate"
NAME = "circleci-demo-gitops-app"
pytestmark = [
    pytest.mark.anywhere,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        not SEED.is_dir(), reason="the corpus of real manifests repositories is not beside the checkout"
    ),
]


def read_history() -> list[dict[str, Any]]:
    """Commits, parents first."""
    return [json.loads(line) for line in (SEED / "history.jsonl").read_text().splitlines()]


def files_of(commit: dict[str, Any]) -> dict[str, str]:
    """The YAML files of a commit."""
    number = commit["main_line"]
    folder = SEED / (f"{number:03d}-{commit['sha'][:7]}" if number else f"side-{commit['sha'][:7]}")
    return {file.name: file.read_text() for file in sorted(folder.glob("*.yaml"))}


def rebuild(repo: Repo) -> dict[str, str]:
    """Write the whole history into Git: our commit by the original's."""
    ours: dict[str, str] = {}
    trees: dict[str, dict[str, str]] = {}
    for commit in read_history():
        files = files_of(commit)
        first = trees.get(commit["parents"][0], {}) if commit["parents"] else {}
        changes: dict[str, str | None] = {name: None for name in first if name not in files}
        parents = [ours[parent] for parent in commit["parents"]]
        sha = repo.commit(changes | files, commit["subject"], parents, branch=f"build-{commit['sha'][:7]}")
        ours[commit["sha"]], trees[commit["sha"]] = sha, files
    return ours


def holds(wanted: Any, live: Any) -> bool:
    """Whether live has every field that is wanted; lists of objects are matched by place."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            name in live and holds(value, live[name]) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(wanted) == len(live) and all(map(holds, wanted, live))
    return wanted == live


async def everything(stage: Stage) -> dict[tuple[str, str], dict[str, Any]]:
    """Every object in the namespace that no controller made by itself."""
    found = {}
    for kind, path in core_kinds(stage.namespace).items():
        try:
            items = (await stage.api.get(path))["items"]
        except ApiError as error:
            assert error.status == 404, error
            continue
        for item in items:
            made_by_itself = item["metadata"]["name"] in ("kube-root-ca.crt", "default", "todoke", "todoke-kinds")
            if not made_by_itself and not item["metadata"].get("ownerReferences"):
                found[(kind, item["metadata"]["name"])] = item
    return found


async def install_certificates(stage: Stage) -> None:
    """The CRD that the certificate needs, with both versions that the history uses."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": {"openAPIV3Schema": schema}}
        for name in ("v1", "v1beta1")
    ]
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "managedcertificates.networking.gke.io"},
        "spec": {
            "group": "networking.gke.io",
            "names": {"kind": CERTIFICATE, "plural": "managedcertificates", "singular": "managedcertificate"},
            "scope": "Namespaced",
            "versions": versions,
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/managedcertificates.networking.gke.io"
    await stage.api.apply(path, definition)


async def remove_certificates(stage: Stage) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/managedcertificates.networking.gke.io"
    try:
        await stage.api.delete(path)
    except ApiError as error:
        assert error.status == 404, error


@pytest.fixture
async def history(stage: Stage):
    """The rebuilt repository; the certificate's kind is not installed, before and after."""
    await stage.allow("networking.gke.io", "managedcertificates")
    await remove_certificates(stage)
    yield rebuild(stage.repo)
    await remove_certificates(stage)


async def release(stage: Stage, sha: str) -> dict[str, Any]:
    """The tracked branch moves to a commit; the status when that is delivered."""
    stage.repo.branch("main", sha)
    await stage.source.refresh(Origin(stage.repo.url))
    return await stage.settled()


async def assert_is_commit(stage: Stage, files: dict[str, str], status: dict[str, Any], *, without: str = "") -> None:
    """The namespace holds the commit's objects, every field of them, and nothing else."""
    wanted = {}
    for text in files.values():
        for manifest in yaml.safe_load_all(text):
            if manifest and manifest["kind"] != without:
                wanted[(manifest["kind"], manifest["metadata"]["name"])] = manifest
    live = await everything(stage)
    assert set(live) == set(wanted)
    for key, manifest in wanted.items():
        body = {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind")}
        assert holds(body, live[key]), key
    expected = "OutOfSync" if without else "Synced"
    assert status["sync"]["status"] == expected, status["conditions"]


async def test_every_commit_of_the_main_line_is_delivered(stage: Stage, history: dict[str, str]):
    main_line = [commit for commit in read_history() if commit["main_line"]]
    stranger = {"metadata": {"name": "stranger"}, "data": {"mine": "yes"}}
    await stage.api.create(f"/api/v1/namespaces/{stage.namespace}/configmaps", stranger)
    before = await stage.live("ConfigMap", "stranger")
    stage.repo.branch("main", history[main_line[0]["sha"]])
    await stage.application(path=".", metadata={"annotations": {"todoke.dev/guard-percent": "90"}})
    installed = False
    for commit in main_line:
        status = await release(stage, history[commit["sha"]])
        files = files_of(commit)
        missing = "" if installed or "certificate.yaml" not in files else CERTIFICATE
        files_and_stranger = files | {"stranger": json.dumps({"kind": "ConfigMap"} | stranger)}
        await assert_is_commit(stage, files_and_stranger, status, without=missing)
        if missing:
            (condition,) = status["conditions"]
            assert "ManagedCertificate/" in condition["message"]
            assert "CRD not installed" in condition["message"]
            retries = status["operationState"].get("retryCount", 0)
            await install_certificates(stage)
            await until(stage.cluster.appeared, bool)
            status = await until(stage.deliver, lambda s: s["sync"]["status"] == "Synced", seconds=10)
            assert status["operationState"].get("retryCount", 0) == retries
            await assert_is_commit(stage, files_and_stranger, status)
            installed = True
    after = await stage.live("ConfigMap", "stranger")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    status = await until(stage.deliver, lambda s: s["health"]["status"] == "Healthy")
    assert len(status["history"]) == 10  # the limit; older entries live in the ledger
    states = [[list(yaml.safe_load_all(text)) for text in files_of(commit).values()] for commit in main_line]
    changes = 1 + sum(before != after for before, after in itertools.pairwise(states))
    ended = [event for event in stage.ledger.events if isinstance(event, SyncEnded)]
    assert [event.phase for event in ended] == ["Succeeded"] * (changes + 1)  # and one when the kind appeared


async def test_the_release_with_an_empty_project_name_is_degraded_and_undone(stage: Stage, history: dict[str, str]):
    commits = {commit["sha"][:7]: commit["sha"] for commit in read_history()}
    good, merge = history[commits["52c6b0a"]], history[commits["3cd9bef"]]
    stage.repo.branch("main", good)
    await stage.application(path=".")
    await until(stage.deliver, lambda s: s["health"]["status"] == "Healthy")

    await release(stage, merge)
    status = await until(stage.deliver, lambda s: s["health"]["status"] == "Degraded")
    assert "InvalidImageName" in status["health"]["message"]
    assert "asia.gcr.io//circleci-demo-gitops:47ea3df" in status["health"]["message"]
    resource = next(r for r in status["resources"] if r["kind"] == "Deployment")
    assert resource["health"]["status"] == "Progressing"

    request = RevertRequest(stage.repo.url, "main", ".", merge, good, "shop", "taro", "main")
    undone = await stage.source.revert(request)
    assert stage.repo.tip("main") == undone.sha
    await stage.source.refresh(Origin(stage.repo.url))
    status = await until(stage.deliver, lambda s: s["health"]["status"] == "Healthy")
    assert status["sync"]["revision"] == undone.sha
    assert stage.repo.files("main") == stage.repo.files(good)
