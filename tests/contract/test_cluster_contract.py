"""What the walks rely on, on the fake and on a real control plane: a difference is a fault of the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.control_plane import ControlPlane
from tests.contract.labs import (
    CONFIG_MAP,
    GHOST,
    NAMESPACE,
    FakeLab,
    Json,
    Lab,
    asking,
    key_of,
    manifest_of,
    watching,
)
from todoke.model.errors import Blocked, Missing, NotReady
from todoke.model.objects import ObjectKey
from todoke.model.tracking import TRACKING_ID, tracking_id

_REAL = pytest.mark.plane
_WRITERS = ["fake", pytest.param("watching", marks=_REAL)]
_ALL = [*_WRITERS, pytest.param("asking", marks=_REAL)]


Place = tuple[str, Path, str]  # which room, kubeconfig, namespace


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """Where the case runs; only what needs it starts the control plane."""
    if request.param == "fake":
        return ("fake", Path(), "")
    plane: ControlPlane = request.getfixturevalue("plane")
    return (request.param, plane.kubeconfig_path, request.getfixturevalue("namespace"))


@pytest.fixture
async def lab(place: Place) -> AsyncIterator[Lab]:
    """The cluster under test."""
    room, kubeconfig, namespace = place
    if room == "fake":
        yield FakeLab()
        return
    open_room = watching if room == "watching" else asking
    async with ApiClient(kubeconfig) as client, open_room(kubeconfig, client, namespace) as opened:
        await opened.cluster.prepare([CONFIG_MAP])
        yield opened


everywhere = pytest.mark.parametrize("place", _ALL, indirect=True)
where_it_writes = pytest.mark.parametrize("place", _WRITERS, indirect=True)


def config_map(lab: Lab, data: Json, name: str = "settings", **meta: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": lab.namespace, **meta},
        "data": data,
    }


def marked(lab: Lab, name: str, written_for: str = "") -> dict[str, str]:
    """The mark of an application that is named like the namespace: no two tests share it."""
    key = ObjectKey("", "ConfigMap", lab.namespace, written_for or name)
    return {TRACKING_ID: tracking_id(lab.namespace, key, lab.namespace)}


@everywhere
async def test_scopes_of_kinds(lab: Lab) -> None:
    scopes = await lab.cluster.prepare([CONFIG_MAP, NAMESPACE, GHOST])
    assert scopes == {CONFIG_MAP: True, NAMESPACE: False, GHOST: None}


@everywhere
async def test_a_dry_run_answers_and_changes_nothing(lab: Lab) -> None:
    wanted = config_map(lab, {"a": "1"})
    answer = await lab.cluster.apply(manifest_of(wanted), dry_run=True)
    assert answer.body["data"] == {"a": "1"}
    assert await lab.body(key_of(wanted)) is None
    assert await lab.cluster.live([(CONFIG_MAP, key_of(wanted))]) == {}


@everywhere
async def test_a_dry_run_in_a_namespace_that_is_not_there(lab: Lab) -> None:
    wanted = config_map(lab, {"a": "1"})
    wanted["metadata"]["namespace"] = "nowhere-at-all"
    with pytest.raises(Missing, match="nowhere-at-all"):
        await lab.cluster.apply(manifest_of(wanted), dry_run=True)


@everywhere
async def test_a_kind_that_is_not_served(lab: Lab) -> None:
    await lab.cluster.prepare([GHOST])
    ghost = {"apiVersion": "ghosts.example.org/v1", "kind": "Ghost", "metadata": {"name": "g", "namespace": "default"}}
    with pytest.raises(Missing, match="not served"):
        await lab.cluster.apply(manifest_of(ghost), dry_run=True)
    assert await lab.cluster.read(GHOST, "default") == ()
    assert await lab.cluster.live([(GHOST, key_of(ghost))]) == {}
    assert not await lab.cluster.appeared()


@everywhere
async def test_a_manifest_that_the_server_refuses(lab: Lab) -> None:
    with pytest.raises(Blocked, match="ConfigMap"):
        await lab.cluster.apply(manifest_of(config_map(lab, {"a": 1})), dry_run=True)


@everywhere
async def test_owned_objects_bear_an_id_that_was_written_for_them(lab: Lab) -> None:
    await lab.put(config_map(lab, {}, "mine", annotations=marked(lab, "mine")))
    await lab.put(config_map(lab, {}, "copied", annotations=marked(lab, "copied", written_for="mine")))
    await lab.put(config_map(lab, {}, "plain"))
    await lab.settle(lab.namespace)
    assert [live.key.name for live in lab.cluster.owned(lab.namespace)] == ["mine"]
    assert lab.cluster.exists(CONFIG_MAP, ObjectKey("", "ConfigMap", lab.namespace, "plain"))
    assert not lab.cluster.exists(CONFIG_MAP, ObjectKey("", "ConfigMap", lab.namespace, "absent"))


@everywhere
async def test_read_lists_one_namespace(lab: Lab) -> None:
    await lab.put(config_map(lab, {"a": "1"}, "one"))
    found = {live.key.name: live for live in await lab.cluster.read(CONFIG_MAP, lab.namespace)}
    assert found["one"].body["data"] == {"a": "1"}
    assert {live.key.namespace for live in found.values()} == {lab.namespace}


@where_it_writes
async def test_a_second_apply_changes_nothing(lab: Lab) -> None:
    wanted = manifest_of(config_map(lab, {"a": "1", "b": "2"}))
    first = await lab.cluster.apply(wanted)
    again = await lab.cluster.apply(wanted)
    assert (first.uid, first.resource_version) == (again.uid, again.resource_version)
    assert (await lab.cluster.live([(CONFIG_MAP, wanted.key)]))[wanted.key].resource_version == first.resource_version


@where_it_writes
async def test_what_we_want_no_more_goes_and_what_others_wrote_stays(lab: Lab) -> None:
    await lab.put(config_map(lab, {"theirs": "1"}))
    first = await lab.cluster.apply(manifest_of(config_map(lab, {"a": "1", "b": "2"})))
    second = await lab.cluster.apply(manifest_of(config_map(lab, {"a": "1"})))
    assert first.body["data"] == {"a": "1", "b": "2", "theirs": "1"}
    assert second.body["data"] == {"a": "1", "theirs": "1"}
    assert second.resource_version > first.resource_version


@where_it_writes
async def test_a_patch_holds_only_at_the_version_that_was_read(lab: Lab) -> None:
    first = await lab.cluster.apply(manifest_of(config_map(lab, {"a": "1"})))
    operation = {"op": "replace", "path": "/data/a", "value": "2"}
    second = await lab.cluster.patch(first, [operation])
    assert second.body["data"] == {"a": "2"}
    with pytest.raises(NotReady):
        await lab.cluster.patch(first, [operation])


@where_it_writes
async def test_deletion_is_of_exactly_the_object_that_was_seen(lab: Lab) -> None:
    wanted = manifest_of(config_map(lab, {"a": "1"}))
    first = await lab.cluster.apply(wanted)
    assert await lab.cluster.delete(first, "Background")
    second = await lab.cluster.apply(wanted)
    assert second.uid != first.uid
    assert await lab.cluster.delete(first, "Background")
    assert await lab.body(wanted.key) is not None


@where_it_writes
async def test_a_finalizer_holds_a_deletion(lab: Lab) -> None:
    await lab.put(config_map(lab, {}, "held", finalizers=["example.org/wait"], annotations=marked(lab, "held")))
    await lab.settle(lab.namespace)
    (held,) = lab.cluster.owned(lab.namespace)
    assert not await lab.cluster.delete(held, "Background")
    (held,) = lab.cluster.owned(lab.namespace)
    assert held.deleting
    await lab.release(held.key)
    await lab.settle(lab.namespace)
    assert lab.cluster.owned(lab.namespace) == ()


@where_it_writes
async def test_creating_what_is_there_is_fine(lab: Lab) -> None:
    body = config_map(lab, {"a": "1"})
    await lab.cluster.create(CONFIG_MAP, key_of(body), body)
    await lab.cluster.create(CONFIG_MAP, key_of(body), body | {"data": {"a": "2"}})
    stored = await lab.body(key_of(body))
    assert stored is not None
    assert stored["data"] == {"a": "1"}
