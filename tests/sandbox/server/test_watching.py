"""Watches: what is told, when they end, and what a slow reader costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.sandbox.server.comparing import ACCEPTS
from tests.sandbox.server.serving import Serving
from tests.sandbox.server.test_discovery import DEFINITIONS, definition
from tests.sandbox.server.wire import Wire
from todoke_sandbox.storage.store import HISTORY, TableKey

Json = dict[str, Any]

CONFIG_MAPS = TableKey("", "configmaps")


class Lines:
    """The events of one watch."""

    def __init__(self, serving: Serving, path: str, **headers: str) -> None:
        self._wire = Wire(serving.admin)
        self._wire.ask("GET", path, **headers)
        status, found = self._wire.begin()
        assert (status, found["transfer-encoding"]) == (200, "chunked")
        self._lines = self._read()

    def __next__(self) -> Json:
        return next(self._lines)

    def __iter__(self) -> Iterator[Json]:
        return self._lines

    def told(self) -> tuple[str, str]:
        """Type and name of the next event."""
        event = next(self)
        return event["type"], event["object"]["metadata"].get("name", "")

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _read(self) -> Iterator[Json]:
        with self._wire:
            for piece in self._wire.pieces():
                yield from map(json.loads, piece.splitlines())


def make(serving: Serving, place: str, name: str, **labels: str) -> Json:
    """A new ConfigMap."""
    body = {"metadata": {"name": name, "labels": labels}}
    made: Json = serving.admin.ask("POST", f"/api/v1/namespaces/{place}/configmaps", body).body
    return made


def label(serving: Serving, place: str, name: str, value: str | None) -> None:
    """Give it another label `x`, or none."""
    patch = {"metadata": {"labels": {"x": value}}}
    kind = {"Content-Type": "application/merge-patch+json"}
    assert serving.admin.ask("PATCH", f"/api/v1/namespaces/{place}/configmaps/{name}", patch, kind).status == 200


def test_objects_come_and_go_as_the_selector_has_them(serving: Serving, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps"
    make(serving, place, "before", x="y")
    lines = Lines(serving, f"{path}?watch=1&labelSelector=x%3Dy")
    assert lines.told() == ("ADDED", "before")
    make(serving, place, "other", x="z")
    label(serving, place, "other", "y")
    assert lines.told() == ("ADDED", "other")
    label(serving, place, "other", None)
    assert lines.told() == ("DELETED", "other")
    serving.admin.ask("DELETE", f"{path}/other")
    label(serving, place, "before", "y2")
    assert lines.told() == ("DELETED", "before")
    lines.close()


def test_a_watch_goes_on_where_a_list_ended(serving: Serving, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps"
    make(serving, place, "before")
    version = serving.admin.ask("GET", path).body["metadata"]["resourceVersion"]
    make(serving, place, "after")
    lines = Lines(serving, f"{path}?watch=1&resourceVersion={version}")
    assert lines.told() == ("ADDED", "after")
    serving.admin.ask("DELETE", f"{path}/after")
    event = next(lines)
    assert event["type"] == "DELETED"
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(version)
    lines.close()


def test_the_last_line_says_where_to_go_on(serving: Serving, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true"
    lines = Lines(serving, path)
    make(serving, place, "one")
    assert lines.told() == ("ADDED", "one")
    version = serving.api.store.version
    serving.admin.ask("PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": {"t": place}}},
                      {"Content-Type": "application/merge-patch+json"})  # fmt: skip
    (bookmark,) = lines
    assert bookmark["type"] == "BOOKMARK"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) > version


def test_a_version_long_gone_is_expired(own: Serving) -> None:
    own.namespace("busy")
    first = make(own, "busy", "a")["metadata"]["resourceVersion"]
    body = own.api.store.get(CONFIG_MAPS, "busy", "a")
    assert body is not None
    for _ in range(HISTORY + 1):
        own.api.store.put(CONFIG_MAPS, body.body)
    (event,) = Lines(own, f"/api/v1/namespaces/busy/configmaps?watch=1&resourceVersion={first}&timeoutSeconds=5")
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_reader_that_stopped_holds_up_nobody_and_has_to_list_again(own: Serving) -> None:
    own.namespace("busy")
    made = make(own, "busy", "a")
    made["data"] = {"a": "x" * 50_000}
    slow = Lines(own, "/api/v1/namespaces/busy/configmaps?watch=1")
    quick = Lines(own, "/api/v1/namespaces/busy/configmaps?watch=1&labelSelector=quick")
    for _ in range(HISTORY // 500 + 1):
        own.write(lambda: [own.api.store.put(CONFIG_MAPS, made) for _ in range(500)])
    make(own, "busy", "b", quick="")
    assert quick.told() == ("ADDED", "b")
    events = list(slow)
    assert events[-1]["type"] == "ERROR"
    assert events[-1]["object"]["code"] == 410
    assert len(events) < HISTORY
    quick.close()


def test_who_hangs_up_is_forgotten(own: Serving) -> None:
    own.namespace("quiet")
    before = own.listeners(CONFIG_MAPS)
    lines = [Lines(own, "/api/v1/namespaces/quiet/configmaps?watch=1") for _ in range(5)]
    assert own.listeners(CONFIG_MAPS) == before + 5
    for watch in lines:
        watch.close()
    own.until(lambda: own.listeners(CONFIG_MAPS) == before)


def test_a_watch_ends_with_its_definition(own: Serving) -> None:
    own.admin.ask("POST", DEFINITIONS, definition("some.example"))
    lines = Lines(own, "/apis/some.example/v1/foos?watch=1")
    body = {"apiVersion": "some.example/v1", "kind": "Foo", "metadata": {"name": "a"}}
    own.admin.ask("POST", "/apis/some.example/v1/namespaces/default/foos", body)
    assert lines.told() == ("ADDED", "a")
    own.admin.ask("DELETE", "/apis/some.example/v1/namespaces/default/foos/a")
    assert lines.told() == ("DELETED", "a")
    own.admin.ask("DELETE", f"{DEFINITIONS}/foos.some.example")
    assert list(lines) == []


def test_a_table_names_its_columns_once(serving: Serving, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps?watch=1&timeoutSeconds=1&includeObject="
    make(serving, place, "a")
    make(serving, place, "b")
    watches = {include: Lines(serving, path + include, Accept=ACCEPTS["table"]) for include in ("None", "Object")}
    for include, (first, second) in watches.items():
        assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert second["object"]["columnDefinitions"] is None
        (row,) = second["object"]["rows"]
        assert row["cells"][:2] == ["b", 0]
        assert (row["object"] or {}).get("kind") == (None if include == "None" else "ConfigMap")


def test_pages_show_the_objects_as_they_were(serving: Serving, place: str) -> None:
    path = f"/api/v1/namespaces/{place}/configmaps"
    for name in "abcde":
        make(serving, place, name)
    page = serving.admin.ask("GET", f"{path}?limit=2").body
    names = [item["metadata"]["name"] for item in page["items"]]
    assert page["metadata"]["remainingItemCount"] == 3
    make(serving, place, "aa")
    serving.admin.ask("DELETE", f"{path}/c")
    version = page["metadata"]["resourceVersion"]
    while token := page["metadata"].get("continue"):
        page = serving.admin.ask("GET", f"{path}?limit=2&continue={token}").body
        assert page["metadata"]["resourceVersion"] == version
        names += [item["metadata"]["name"] for item in page["items"]]
    assert names == list("abcde")
    assert "remainingItemCount" not in page["metadata"]


def test_items_of_built_in_kinds_do_not_repeat_their_kind(serving: Serving, place: str) -> None:
    make(serving, place, "a")
    kind = {"Content-Type": "application/yaml"}
    odd = "metadata: {name: b}\nkind: ConfigMap\napiVersion: v1\n"
    assert serving.admin.ask("POST", f"/api/v1/namespaces/{place}/configmaps", odd, kind).status == 201
    items = serving.admin.ask("GET", f"/api/v1/namespaces/{place}/configmaps").body["items"]
    assert [set(item) & {"kind", "apiVersion"} for item in items] == [set(), set()]
    assert [item["metadata"]["name"] for item in items] == ["a", "b"]
