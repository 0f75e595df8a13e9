"""slack: what is sent where, by whom, and what is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.orbs_more.shelf import Bench, steps

CURL = """\
printf '%s\\n' "$*" >> "$LOG"
cat > "$HOME/body-$(ls "$HOME" | grep -c body)"
for word in "$@"; do if [ -f "$word" ]; then cp "$word" "$HOME/config"; fi; done
printf '%s' "$ANSWER"
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.script("curl", CURL)
    made.variables = {
        "CIRCLE_JOB": "build", "CIRCLE_BRANCH": "main", "CIRCLE_PROJECT_REPONAME": "shop", "CIRCLE_BUILD_NUM": "7",
        "CIRCLE_BUILD_URL": "https://ci.example.org/7", "CIRCLE_SHA1": "0123456789abcdef",
        "CIRCLE_USERNAME": 'a "quoted"\nname', "SLACK_ACCESS_TOKEN": "xoxb-secret", "SLACK_DEFAULT_CHANNEL": "builds",
        "ANSWER": '{"ok": true, "ts": "12.5"}',
    }  # fmt: skip
    return made


def notify(
    bench: Bench, given: dict[str, Any], *, state: str = "pass", version: str = "5", **variables: str
) -> subprocess.CompletedProcess[str]:
    failed, passed, send = steps(f"circleci/slack@{version}", "commands", "notify", given)
    assert (failed["when"], passed["when"], send["when"]) == ("on_fail", "on_success", "always")
    assert bench.run(failed if state == "fail" else passed).returncode == 0
    return bench.run(send, **variables)


def bodies(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads(place.read_text()) for place in sorted(bench.home.glob("body-*"))]


@pytest.mark.parametrize("version", ["4", "5", "6"])
def test_a_message_goes_to_each_channel_with_the_token_in_no_argument(bench: Bench, version: str) -> None:
    result = notify(bench, {"channel": "one, two", "mentions": "@team"}, version=version)
    assert result.returncode == 0, result.stderr
    assert [body["channel"] for body in bodies(bench)] == ["one", "two"]
    assert "*build* of shop has succeeded on main. @team" in bodies(bench)[0]["text"]
    assert "https://slack.com/api/chat.postMessage" in bench.told()[0]
    assert "xoxb-secret" not in "".join(bench.told()) + result.stdout + result.stderr
    assert (bench.home / "config").read_text() == 'header = "Authorization: Bearer xoxb-secret"\n'


def test_variables_in_a_custom_message_cannot_break_it(bench: Bench) -> None:
    custom = '{"text": "$CIRCLE_USERNAME at ${CIRCLE_SHA1:0:7} of ${NOTHING:-none}", "blocks": [{"type": "divider"}]}'
    assert notify(bench, {"custom": custom}).returncode == 0
    (body,) = bodies(bench)
    assert body["text"] == 'a "quoted"\nname at 0123456 of none'
    assert (body["channel"], body["blocks"]) == ("builds", [{"type": "divider"}])


def test_templates_are_built_in_or_variables(bench: Bench) -> None:
    notify(bench, {"template": "basic_fail_1"})
    notify(bench, {"template": "OURS"}, OURS='{"text": "ours: $CIRCLE_JOB"}')
    assert ["has failed" in body["text"] or body["text"] for body in bodies(bench)] == [True, "ours: build"]
    result = notify(bench, {"template": "NOWHERE"})
    assert (result.returncode, "There is no template NOWHERE" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("given", "state", "variables", "sent"),
    [
        ({"event": "fail"}, "pass", {}, False),
        ({"event": "fail"}, "fail", {}, True),
        ({"event": "pass"}, "fail", {}, False),
        ({"branch_pattern": "release-.*, main"}, "pass", {}, True),
        ({"branch_pattern": "mai"}, "pass", {}, False),
        ({"branch_pattern": "main", "invert_match": True}, "pass", {}, False),
        ({"branch_pattern": "main", "tag_pattern": "v.*"}, "pass", {"CIRCLE_TAG": "v1"}, True),
        ({"tag_pattern": "v.*"}, "pass", {"CIRCLE_TAG": "w1"}, False),
    ],
)
def test_when_a_message_is_sent(
    bench: Bench, given: dict[str, Any], state: str, variables: dict[str, str], sent: bool
) -> None:
    result = notify(bench, given, state=state, **variables)
    assert result.returncode == 0, result.stderr
    assert bool(bodies(bench)) is sent


def test_what_slack_refuses_is_said_and_fails_only_where_it_is_meant_to(bench: Bench) -> None:
    refused = '{"ok": false, "error": "channel_not_found"}'
    lenient = notify(bench, {}, ANSWER=refused)
    strict = notify(bench, {"ignore_errors": False}, ANSWER=refused)
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert "the message to builds: channel_not_found" in lenient.stderr
    missing = notify(bench, {"ignore_errors": False}, SLACK_ACCESS_TOKEN="")
    assert (missing.returncode, "SLACK_ACCESS_TOKEN is empty" in missing.stderr) == (1, True)
    assert notify(bench, {}, SLACK_ACCESS_TOKEN="").returncode == 0


def test_messages_of_a_thread_answer_the_first_one(bench: Bench) -> None:
    for _ in range(2):
        notify(bench, {"thread_id": "release"})
    assert [body.get("thread_ts") for body in bodies(bench)] == [None, "12.5"]
    (step,) = steps("circleci/slack@5", "commands", "reaction", {"thread_id": "release", "add_react_name": "check"})
    assert bench.run(step).returncode == 0
    assert bodies(bench)[-1] == {"channel": "builds", "name": "check", "timestamp": "12.5"}


def test_a_webhook_gets_an_attachment_and_stands_in_no_argument(bench: Bench) -> None:
    given = {
        "message": "Deployed $CIRCLE_BRANCH",
        "title": "Shop",
        "mentions": "U1,here,S2",
        "include_project_field": False,
    }
    (step,) = steps("circleci/slack@3", "commands", "notify", given)
    result = bench.run(step, SLACK_WEBHOOK="https://hooks.example.org/secret")
    assert result.returncode == 0, result.stderr
    (attachment,) = bodies(bench)[0]["attachments"]
    assert attachment["text"] == "Deployed main <@U1> <!here> <!subteam^S2>"
    assert attachment["fields"] == [{"title": "Job Number", "value": "7", "short": True}]
    assert attachment["actions"] == [{"type": "button", "text": "Visit Job", "url": "https://ci.example.org/7"}]
    assert "hooks.example.org" not in bench.told()[0]
    empty = bench.run(step, SLACK_WEBHOOK="")
    assert (empty.returncode, "There is no webhook of Slack" in empty.stderr) == (1, True)


@pytest.mark.parametrize(
    ("given", "state", "text"),
    [
        ({}, "fail", ":red_circle: A build job has failed!"),
        ({}, "pass", ":tada: A build job has succeeded!"),
        ({"fail_only": True}, "pass", None),
        ({"when": "on_success"}, "fail", None),
        ({"only_for_branches": "develop,master"}, "fail", None),
        ({"only_for_branches": "develop,main"}, "fail", ":red_circle: A build job has failed!"),
    ],
)
def test_the_status_of_a_job(bench: Bench, given: dict[str, Any], state: str, text: str | None) -> None:
    failed, passed, send = steps("circleci/slack@3", "commands", "status", given)
    bench.run(failed if state == "fail" else passed)
    assert bench.run(send, SLACK_WEBHOOK="https://hooks.example.org/secret").returncode == 0
    assert [body["attachments"][0]["text"] for body in bodies(bench)] == ([text] if text else [])
