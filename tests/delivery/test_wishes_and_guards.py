"""Operations: what people ask for is neither lost nor done twice, and nothing gets past the guard unseen."""

from typing import Any

import pytest

from tests.delivery.stage import REPO, WEB, Stage, config_map
from todoke.model.objects import ObjectKey

MANUAL: dict[str, Any] = {"syncPolicy": {"syncOptions": ["CreateNamespace=true"]}}
NO_HEAL: dict[str, Any] = {"syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]}}


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.application()
    return made


def during(stage: Stage, verb: str, act: Any) -> None:
    """Let something happen once, while the first such request of a look is under way."""

    def trouble(asked: str, _key: ObjectKey) -> None:
        if asked == verb:
            stage.cluster.trouble = lambda _verb, _key: None
            act()

    stage.cluster.trouble = trouble


def sick(name: str = "web", wave: str = "-1") -> str:
    """A workload that never gets ready, in a wave of its own."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: "{wave}"}}}}
spec: {{selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{}}}}}}
"""


async def test_a_newer_wish_is_not_wiped_away_with_the_one_that_ended(stage: Stage):
    stage.application(**MANUAL)
    stage.push(web=config_map(color="blue"))
    stage.ask({"sync": {}, "info": [{"name": "number", "value": "one"}]})
    second = {"sync": {}, "info": [{"name": "number", "value": "two"}]}
    during(stage, "apply", lambda: stage.ask(second))
    await stage.deliver()

    assert stage.applications.body("shop")["operation"] == second
    status = await stage.deliver()
    assert "operation" not in stage.applications.body("shop")
    assert status["operationState"]["operation"] == second


async def test_a_refresh_that_is_asked_for_during_a_look_is_obeyed_by_the_next(stage: Stage):
    stage.push(web=config_map(color="blue"))
    mark = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    during(stage, "apply", lambda: stage.applications.merge("shop", mark))
    await stage.deliver()
    assert stage.applications.body("shop")["metadata"]["annotations"] == mark["metadata"]["annotations"]

    asked = stage.source.asked[REPO]
    await stage.deliver()
    assert stage.applications.body("shop")["metadata"]["annotations"] == {}
    assert stage.source.asked[REPO] == asked + 2  # one by the test


async def test_an_end_that_is_asked_for_during_a_pass_is_not_forgotten(stage: Stage):
    stage.push(web=sick(), other=config_map("other", x="1"))
    end = {"status": {"operationState": {"phase": "Terminating"}}}
    during(stage, "apply", lambda: stage.applications.merge("shop", end))
    await stage.deliver()
    status = await stage.deliver()

    assert (status["operationState"]["phase"], status["operationState"]["message"]) == (
        "Failed",
        "Operation terminated",
    )


async def test_an_automatic_sync_under_way_does_not_get_past_the_guard(stage: Stage):
    """The folder changes while a sync waits: what it would delete now nobody has seen."""
    stage.push(web=sick(), a=config_map("a", x="1"), b=config_map("b", x="1"))
    stage.push("empty", other=config_map("other", x="1"))
    await stage.deliver()
    stage.cluster.roll_out(ObjectKey("apps", "Deployment", "shop", "web"))
    await stage.deliver()
    stage.push(web=sick(wave="-2"), c=config_map("c", x="1"))
    status = await stage.deliver()
    assert stage.there() >= {"a", "b"}
    stage.push(c=None, a=config_map("a", x="2"), web=sick(wave="-3").replace("web}", "v2}"))
    status = await stage.deliver()
    assert status["operationState"]["phase"] == "Running"
    stage.application(source={"repoURL": REPO, "path": "empty", "targetRevision": "main"})
    status = await stage.deliver()

    assert stage.there() >= {"a", "b"}
    assert any("waits for a person" in condition["message"] for condition in status["conditions"])


async def test_what_a_person_asked_for_does_not_carry_a_newer_commit_past_the_guard(stage: Stage):
    stage.application(**MANUAL)
    stage.push(web=sick(), a=config_map("a", x="1"), b=config_map("b", x="1"), c=config_map("c", x="1"))
    stage.ask({"sync": {}})
    await stage.deliver()
    stage.cluster.roll_out(ObjectKey("apps", "Deployment", "shop", "web"))
    await stage.deliver()
    stage.push(c=None, web=sick().replace("web}", "v2}"))
    stage.ask({"sync": {"prune": True}})
    status = await stage.deliver()
    assert status["operationState"]["phase"] == "Running"
    stage.push(a=None, b=None, web=None, new=config_map("new", x="1"))
    status = await stage.deliver()

    assert stage.there() >= {"a", "b", "c"}
    assert status["operationState"]["phase"] == "Failed"
    assert "waits for a person" in status["operationState"]["message"]
    assert "operation" not in stage.applications.body("shop")


async def test_a_newer_commit_takes_the_place_of_a_waiting_sync_of_several_sources(stage: Stage):
    source = {"repoURL": REPO, "targetRevision": "main"}
    stage.application(source=None, sources=[source | {"path": "shop"}, source | {"path": "more"}])
    stage.push("more", extra=config_map("extra", x="1"))
    stage.push(web=sick(), a=config_map("a", x="1"))
    status = await stage.deliver()
    assert status["operationState"]["phase"] == "Running"
    stage.push(web=None)
    status = await stage.deliver()

    assert status["operationState"]["phase"] == "Succeeded"
    assert stage.there() == {"a", "extra"}


async def test_another_folder_of_the_same_commit_is_delivered(stage: Stage):
    stage.application(**NO_HEAL)
    stage.push("prod", web=config_map(color="red"))
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    stage.application(source={"repoURL": REPO, "path": "prod", "targetRevision": "main"}, **NO_HEAL)
    status = await stage.deliver()

    assert stage.live()["data"] == {"color": "red"}
    assert status["sync"]["status"] == "Synced"


async def test_what_was_ignored_is_compared_when_the_rule_goes(stage: Stage):
    rule = [{"kind": "ConfigMap", "jsonPointers": ["/data/color"]}]
    stage.application(ignoreDifferences=rule)
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    stage.cluster.change(WEB, lambda body: body["data"].update(color="red"))
    assert (await stage.deliver())["sync"]["status"] == "Synced"
    assert stage.live()["data"] == {"color": "red"}
    stage.application()
    await stage.deliver()

    assert stage.live()["data"] == {"color": "blue"}


async def test_a_named_revision_is_told_by_its_commit(stage: Stage):
    stage.application(**MANUAL)
    sha = stage.push(web=config_map(color="blue"))
    stage.ask({"sync": {"revision": "main"}})
    status = await stage.deliver()

    assert status["operationState"]["syncResult"]["revision"] == sha
    assert [entry["revision"] for entry in status["history"]] == [sha]


async def test_a_sync_of_some_objects_forgets_no_kind(stage: Stage):
    """What its plan does not name stays owned, also when the process dies in the middle of it."""
    stage.application(**MANUAL)
    stage.push(web=config_map(color="blue"), old="{apiVersion: v1, kind: Service, metadata: {name: old}}")
    stage.ask({"sync": {}})
    await stage.deliver()
    account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: new}}"
    stage.push(old=None, new=account)
    stage.ask({"sync": {"resources": [{"group": "", "kind": "ServiceAccount", "name": "new"}]}})
    during(stage, "apply", lambda: kinds.extend(_kinds(stage)))
    kinds: list[str] = []
    await stage.deliver()

    assert sorted(kinds) == ["ConfigMap", "Service", "ServiceAccount"]


def _kinds(stage: Stage) -> list[str]:
    return [resource["kind"] for resource in stage.applications.body("shop")["status"]["resources"]]


async def test_a_wave_goes_on_when_what_it_deleted_is_gone(stage: Stage):
    stage.push(web=config_map(color="blue"), a=config_map("a", x="1"), b=config_map("b", x="1"))
    await stage.deliver()
    stage.push(a=None, hook=config_map("hook", {"argocd.argoproj.io/hook": "PostSync"}))
    status = await stage.deliver()

    assert status["operationState"]["phase"] == "Succeeded"
    assert stage.there() == {"web", "b", "hook"}


@pytest.mark.parametrize("text", ["²", "1" * 500, "0", "nan", "-1"])
async def test_no_number_in_an_annotation_stops_a_delivery(stage: Stage, text: str):
    marks = {"todoke.dev/poll-seconds": text, "todoke.dev/guard-percent": text}
    policy = {"automated": {}, "syncOptions": ["CreateNamespace=true"]}
    backoff = {"duration": text + "h", "maxDuration": text + "h", "factor": 10**18}
    retry = {"retry": {"limit": -1, "backoff": backoff}}
    stage.application(metadata={"annotations": marks}, syncPolicy=policy | retry)
    stage.push(web=config_map(color="blue"))

    assert (await stage.deliver())["sync"]["status"] == "Synced"
    subject = stage.delivery.memories.of(next(iter(stage.applications.keys()))).subject
    assert subject is not None
    assert subject.deliverable.sync.retry.pause(1000) >= 0


async def test_a_rule_that_is_no_glob_is_named(stage: Stage):
    stage.application(ignoreDifferences=[{"kind": "[", "jsonPointers": ["/data"]}])
    stage.push(web=config_map(color="blue"))
    (condition,) = (await stage.deliver())["conditions"]

    assert condition["type"] == "InvalidSpecError"
    assert "spec.ignoreDifferences[0].kind: it is not a glob" in condition["message"]
