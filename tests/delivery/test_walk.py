"""The walk on fakes: what one look does, writes and tells."""

import pytest
import yaml

from tests.delivery.stage import CONFIG_MAP, REPO, SHOP, WEB, Stage, config_map
from todoke.model.errors import Unreachable
from todoke.model.events import HealthChanged, SyncEnded
from todoke.model.objects import ObjectKey


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    made.application()
    return made


async def test_a_commit_is_delivered_and_told(stage: Stage):
    sha = stage.push(web=config_map(color="blue"))
    status = await stage.deliver()

    assert (await stage.cluster.live([(CONFIG_MAP, WEB)]))[WEB].body["data"] == {"color": "blue"}
    assert (status["sync"]["status"], status["sync"]["revision"]) == ("Synced", sha)
    assert [type(event) for event in stage.ledger.events] == [SyncEnded, HealthChanged]


async def test_a_second_look_writes_nothing(stage: Stage):
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    before = stage.applications.get(SHOP)
    await stage.deliver()
    await stage.deliver()

    assert stage.applications.get(SHOP) is before or stage.applications.get(SHOP) == before
    assert len(stage.ledger.events) == 2


async def test_what_left_git_is_pruned(stage: Stage):
    stage.push(web=config_map(color="blue"), a=config_map("a", x="1"), b=config_map("b", x="1"))
    await stage.deliver()
    stage.push(a=None)
    await stage.deliver()

    gone = ObjectKey("", "ConfigMap", "shop", "a")
    assert await stage.cluster.live([(CONFIG_MAP, gone)]) == {}
    assert WEB in await stage.cluster.live([(CONFIG_MAP, WEB)])


async def test_before_the_first_apply_the_status_names_the_kinds(stage: Stage):
    stage.push(web=config_map(color="blue"))
    away = Unreachable("ConfigMap/shop/web", "the API server did not answer")
    stage.cluster.trouble = lambda verb, key: away if (verb, key) == ("apply", WEB) else None
    with pytest.raises(Unreachable):
        await stage.deliver()
    stage.cluster.trouble = lambda _verb, _key: None

    status = stage.applications.body("shop")["status"]
    assert status["operationState"]["phase"] == "Running"
    assert [resource["kind"] for resource in status["resources"]] == ["ConfigMap"]

    status = await stage.deliver()
    assert status["operationState"]["phase"] == "Succeeded"
    assert len(status["history"]) == 1


async def test_an_unrelated_commit_renders_nothing(stage: Stage):
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    rendered = stage.delivery.memories.of(SHOP).rendered
    sha = stage.source.push(REPO, {"other/readme.txt": "hello"})
    status = await stage.deliver()

    assert stage.delivery.memories.of(SHOP).rendered.manifests is rendered.manifests
    assert status["sync"]["revision"] == sha
    assert len(status["history"]) == 1


async def test_an_application_of_an_unknown_project_is_refused(stage: Stage):
    stage.push(web=config_map(color="blue"))
    stage.application(project="nowhere")
    status = await stage.deliver()

    assert status["sync"]["status"] == "Unknown"
    assert status["conditions"][0]["type"] == "InvalidSpecError"
    assert "there is no project nowhere" in status["conditions"][0]["message"]


async def test_an_application_that_is_gone_is_forgotten(stage: Stage):
    stage.push(web=config_map(color="blue"))
    await stage.deliver()
    await stage.applications.remove(stage.applications.get(SHOP))
    await stage.delivery.deliver(SHOP)

    assert stage.delivery.memories.known(SHOP) is None


async def test_a_hook_runs_first_and_is_no_part_of_what_is_compared(stage: Stage):
    hook = yaml.safe_load(config_map("migrate"))
    hook["metadata"]["annotations"] = {"argocd.argoproj.io/hook": "PreSync"}
    stage.push(web=config_map(color="blue"), hook=yaml.safe_dump(hook))
    status = await stage.deliver()

    assert status["sync"]["status"] == "Synced"
    applied = [request for request in stage.cluster.requests if request.startswith("apply ")]
    assert applied == ["apply ConfigMap/shop/migrate", "apply ConfigMap/shop/web"]
    assert [resource["name"] for resource in status["resources"]] == ["web"]
