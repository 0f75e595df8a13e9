"""Invented log lines: honest about it, the same each time, more as time goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from todoke_sandbox.controllers.logs import FIRST, NoLogs, lines

Json = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = "2026-01-01T00:00:00Z"
ENDED = {"exitCode": 3, "startedAt": STARTED, "finishedAt": "2026-01-01T00:00:07Z"}


def pod(state: Json, last: Json | None = None) -> Json:
    status = {"name": "web", "state": state, "lastState": last or {}}
    spec = {"containers": [{"name": "web", "image": "nginx:1"}]}
    return {"metadata": {"name": "p", "uid": "u"}, "spec": spec, "status": {"containerStatuses": [status]}}


def test_the_first_line_says_that_they_are_invented() -> None:
    found = list(lines(pod({"running": {"startedAt": STARTED}}), "web", START))
    assert [line.text for line in found] == [FIRST, "starting web from nginx:1"]
    assert "invented" in FIRST


def test_later_there_are_more_and_the_earlier_ones_stay() -> None:
    running = pod({"running": {"startedAt": STARTED}})
    early = list(lines(running, "web", START + timedelta(seconds=20)))
    late = list(lines(running, "web", START + timedelta(minutes=5)))
    assert late[: len(early)] == early
    assert len(late) > len(early) > 2
    assert [line.time for line in late] == sorted(line.time for line in late)


def test_a_container_that_has_ended_says_how() -> None:
    found = list(lines(pod({"terminated": ENDED}), "web", START + timedelta(hours=1)))
    assert found[-1] == (START + timedelta(seconds=7), "failed: exit code 3")
    assert (
        list(
            lines(
                pod({"waiting": {"reason": "CrashLoopBackOff"}}, {"terminated": ENDED}),
                "web",
                START + timedelta(hours=1),
            )
        )
        == found
    )
    crashed = pod({"running": {"startedAt": STARTED}}, {"terminated": ENDED})
    assert list(lines(crashed, "web", START + timedelta(hours=1), previous=True)) == found


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ErrImagePull", "image can't be pulled"),
        ("ImagePullBackOff", "trying and failing to pull image"),
        ("ContainerCreating", "ContainerCreating"),
    ],
)
def test_a_container_that_waits_has_none(reason: str, said: str) -> None:
    with pytest.raises(NoLogs, match=f'container "web" in pod "p" is waiting to start: {said}'):
        lines(pod({"waiting": {"reason": reason}}), "web", START)


def test_a_run_before_this_one_and_an_unknown_container() -> None:
    with pytest.raises(NoLogs, match='previous terminated container "web" in pod "p" not found'):
        lines(pod({"running": {"startedAt": STARTED}}), "web", START, previous=True)
    with pytest.raises(NoLogs, match='container "x" in pod "p" is not available'):
        lines(pod({"running": {"startedAt": STARTED}}), "x", START)
