"""The drift matrix, part one: who wins when values differ, and that a second look writes nothing."""

import pytest

from tests.cluster.stage import Stage, config_map, deployment
from todoke.model.plans import Action

pytestmark = pytest.mark.anywhere


async def delivered(stage: Stage, *manifests: dict, **spec) -> dict:
    await stage.commit({"shop/all.yaml": list(manifests)})
    await stage.application(**spec)
    status = await stage.settled()
    assert status["sync"]["status"] == "Synced", status
    return status


async def test_a_changed_value_is_drift_and_git_wins(stage: Stage):
    await delivered(stage, config_map(color="blue"))
    await stage.change("ConfigMap", {"data": {"color": "red"}})

    step = await stage.step("ConfigMap", "web")
    assert (step.action, step.reason) == (Action.UPDATE, "differs at .data.color")
    assert "takes .data.color from kubectl-edit" in step.notes

    status = await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}
    assert status["sync"]["status"] == "Synced"
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_string_data_is_data(stage: Stage):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "web"},
        "stringData": {"password": "hunter2"},
    }
    await delivered(stage, secret)
    assert (await stage.live("Secret"))["data"] == {"password": "aHVudGVyMg=="}
    await stage.assert_quiet(("Secret", "web"))

    await stage.change("Secret", {"data": {"password": "b3RoZXI="}})
    step = await stage.step("Secret", "web")
    assert step.action is Action.UPDATE
    assert "hunter2" not in repr(step.changes)
    assert "aHVudGVyMg" not in repr(step.changes)


async def test_a_field_that_nobody_of_ours_set_is_not_drift(stage: Stage):
    await delivered(stage, config_map(color="blue"))
    await stage.change("ConfigMap", {"data": {"extra": "theirs"}, "metadata": {"labels": {"team": "ops"}}})
    assert (await stage.step("ConfigMap", "web")).action is Action.KEEP
    await stage.assert_quiet(("ConfigMap", "web"))
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue", "extra": "theirs"}


async def test_empty_maps_and_defaults_are_not_drift(stage: Stage):
    workload = deployment()
    pod = workload["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    pod["securityContext"] = {}
    pod["containers"][0] |= {"resources": {}, "env": []}
    await delivered(stage, workload)
    await stage.assert_quiet(("Deployment", "web"))


async def test_default_merge_keys_are_filled_from_what_the_server_answered(stage: Stage):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}],
        },
    }
    await delivered(stage, service)
    assert (await stage.step("Service", "web")).action is Action.KEEP
    await stage.assert_quiet(("Service", "web"))

    await stage.change("Service", {"spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}})
    assert (await stage.step("Service", "web")).action is Action.UPDATE
    await stage.settled()
    assert {port["protocol"] for port in (await stage.live("Service"))["spec"]["ports"]} == {"UDP", "TCP"}


async def test_atomic_lists_are_compared_whole(stage: Stage):
    workload = deployment()
    workload["spec"]["template"]["spec"]["containers"][0]["args"] = ["serve", "--port=8080"]
    await delivered(stage, workload)
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--debug"}]
    await stage.api.patch(stage.path("Deployment"), patch, "application/json-patch+json")
    await stage.caught_up("Deployment")

    step = await stage.step("Deployment", "web")
    assert [change.at for change in step.changes] == [".spec.template.spec.containers[web].args"]
    await stage.settled()
    live = await stage.live("Deployment")
    assert live["spec"]["template"]["spec"]["containers"][0]["args"] == ["serve", "--port=8080"]


async def test_an_element_that_others_add_to_a_set_stays(stage: Stage):
    marked = config_map(color="blue")
    marked["metadata"]["finalizers"] = ["example.org/ours"]
    await delivered(stage, marked)
    await stage.change("ConfigMap", {"metadata": {"finalizers": ["example.org/ours", "example.org/theirs"]}})
    assert (await stage.step("ConfigMap", "web")).action is Action.KEEP

    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    await stage.settled()
    assert (await stage.live("ConfigMap"))["metadata"]["finalizers"] == ["example.org/theirs"]
    await stage.change("ConfigMap", {"metadata": {"finalizers": None}})


async def test_quantities_and_int_or_string_in_another_spelling_are_not_drift(stage: Stage):
    workload = deployment(replicas=4)
    workload["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}
    workload["spec"]["template"]["spec"]["containers"][0]["resources"] = {
        "requests": {"cpu": "1000m", "memory": "1024Mi"},
        "limits": {"cpu": 2, "memory": "2Gi"},
    }
    await delivered(stage, workload)
    assert (await stage.step("Deployment", "web")).action is Action.KEEP
    await stage.assert_quiet(("Deployment", "web"))


async def test_a_value_changed_and_changed_back_is_not_drift(stage: Stage):
    await delivered(stage, config_map(color="blue"))
    await stage.change("ConfigMap", {"data": {"color": "red"}})
    await stage.change("ConfigMap", {"data": {"color": "blue"}})
    assert (await stage.step("ConfigMap", "web")).action is Action.KEEP
    await stage.assert_quiet(("ConfigMap", "web"))


async def test_a_field_dropped_from_the_manifest_goes_away(stage: Stage):
    await delivered(stage, config_map(color="blue", size="big"))
    await stage.commit({"shop/all.yaml": config_map(color="blue")})
    step = await stage.step("ConfigMap", "web")
    assert [(change.at, change.want) for change in step.changes] == [(".data.size", "<absent>")]
    await stage.settled()
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}


async def test_reordered_environment_is_delivered(stage: Stage):
    workload = deployment()
    container = workload["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]
    await delivered(stage, workload)
    container["env"].reverse()
    await stage.commit({"shop/all.yaml": workload})
    await stage.settled()
    env = (await stage.live("Deployment"))["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [entry["name"] for entry in env] == ["B", "A"]
    await stage.assert_quiet(("Deployment", "web"))


async def test_duplicate_environment_names_are_refused_with_the_servers_words(stage: Stage):
    workload = deployment()
    workload["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "A", "value": "1"},
        {"name": "A", "value": "2"},
    ]
    await stage.commit({"shop/all.yaml": [workload, config_map(color="blue")]})
    await stage.application()
    status = await stage.settled()
    assert status["sync"]["status"] == "OutOfSync"
    (condition,) = [c for c in status["conditions"] if c["type"] == "SyncError" and "duplicate" in c["message"]]
    assert "Deployment/" in condition["message"]
    assert (await stage.live("ConfigMap"))["data"] == {"color": "blue"}


async def test_an_unknown_field_is_refused_and_named(stage: Stage):
    workload = deployment()
    workload["spec"]["replicaz"] = 2
    await stage.commit({"shop/all.yaml": workload})
    await stage.application()
    status = await stage.settled()
    messages = " ".join(condition["message"] for condition in status["conditions"])
    assert ".spec.replicaz" in messages
    assert status["operationState"]["phase"] == "Failed"


async def test_after_a_restart_nothing_is_written_where_nothing_changed(stage: Stage, tmp_path):
    from tests.cluster.stage import opened

    workload = deployment()
    workload["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1000m"}}
    await delivered(stage, workload, config_map(color="blue"))
    async with opened(stage):
        await stage.assert_quiet(("Deployment", "web"), ("ConfigMap", "web"))
