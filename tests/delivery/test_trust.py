"""A project that wants signatures, on fakes: what the walk does with commits that are not trusted."""

from typing import Any

from tests.delivery.stage import REPO, Stage, config_map
from todoke.delivery.trust import demand_of
from todoke.model.projects import read_project
from todoke.model.sources import SourceSpec

KEY = "4AEE18F83AFDEB23"
SPEC = {
    "sourceRepos": ["*"],
    "destinations": [{"server": "*", "namespace": "*"}],
    "signatureKeys": [{"keyID": KEY}],
}
PROJECT = {"metadata": {"name": "signed"}, "spec": SPEC}


def signed(stage: Stage, key: str = KEY, **files: str | None) -> str:
    sha = stage.push(**files)
    stage.source.signers[sha] = key
    return sha


def guarded() -> Stage:
    stage = Stage()
    stage.applications.projects["signed"] = PROJECT
    return stage


def problem(status: dict[str, Any]) -> str:
    (condition,) = status["conditions"]
    assert condition["type"] == "ComparisonError"
    return str(condition["message"])


async def test_only_what_is_signed_is_delivered():
    stage = guarded()
    stage.application(project="signed")
    stage.push(web=config_map(color="red"))
    assert f"{REPO}: commit" in problem(await stage.deliver())
    assert not stage.there()
    signed(stage, web=config_map(color="blue"))
    assert (await stage.deliver())["conditions"] == []
    assert stage.live()["data"] == {"color": "blue"}


async def test_a_key_that_is_taken_away_stops_the_next_look_and_leaves_what_is_there():
    stage = guarded()
    stage.application(project="signed")
    signed(stage, web=config_map(color="blue"))
    await stage.deliver()
    stage.live()["data"] = {"color": "red"}
    other = SPEC | {"signatureKeys": [{"keyID": "0" * 16}]}
    stage.applications.projects["signed"] = PROJECT | {"spec": other}
    assert f"the key {KEY}, which is not in spec.signatureKeys of AppProject/signed" in problem(await stage.deliver())
    assert stage.live()["data"] == {"color": "red"}  # nor is it healed


async def test_a_commit_that_is_not_trusted_ends_a_sync_that_waits_and_is_not_applied():
    stage = guarded()
    stage.application(project="signed")
    hook = config_map("never", {"argocd.argoproj.io/sync-wave": "1"}, a="1")
    waits = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: first}\nspec: {}\n"
    signed(stage, first=waits, web=hook)
    status = await stage.deliver()
    assert status["operationState"]["phase"] == "Running"
    stage.push(web=config_map("never", a="2"))
    status = await stage.deliver()
    assert "is not signed" in problem(status)
    assert status["operationState"]["phase"] in ("Error", "Failed")
    assert "never" not in stage.there()


async def test_a_restart_delivers_nothing_that_is_not_trusted():
    stage = guarded()
    stage.application(project="signed")
    signed(stage, web=config_map(color="blue"))
    await stage.deliver()
    stage.push(web=config_map(color="red"))
    stage.restart()
    assert "is not signed" in problem(await stage.deliver())
    assert stage.live()["data"] == {"color": "blue"}


async def test_a_policy_that_cannot_be_read_lets_nothing_pass():
    stage = guarded()
    stage.applications.projects["signed"] = PROJECT | {"spec": SPEC | {"signatureKeys": [{"keyID": "AFDEB23"}]}}
    stage.application(project="signed")
    signed(stage, web=config_map(color="blue"))
    assert 'AppProject/signed spec.signatureKeys[0].keyID: "AFDEB23" names no key' in problem(await stage.deliver())
    assert not stage.there()


def test_charts_and_artifacts_are_not_covered():
    project = read_project(PROJECT).value
    assert demand_of(project, SourceSpec(REPO)) is not None
    assert demand_of(project, SourceSpec("https://charts.example", chart="web")) is None
    assert demand_of(project, SourceSpec("oci://registry.example/web")) is None
