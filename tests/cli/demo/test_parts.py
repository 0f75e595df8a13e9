"""The parts of the demo that need no cluster: how it is told, the recording, the summary, the kubeconfig."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.cluster.command import PROGRAM
from tests.cluster.waiting import until
from todoke.cli.app import root
from todoke.cli.demo.cast import Cast
from todoke.cli.demo.kubeconfig import choose, overlay
from todoke.cli.demo.manifests import certificate_definition, manifests
from todoke.cli.demo.pens import Pen, Span, fit, plain
from todoke.cli.demo.story import STORY, editor_of, held
from todoke.cli.demo.summary import Summary, Told
from todoke.cli.demo.telling import Teller, coloured, command_line, shortened
from todoke.model.errors import Blocked


class Page:
    """What a pen has written."""

    def __init__(self, *, moving: bool = False, coloured: bool = False, width: int = 60) -> None:
        self.text = ""
        self.pen = Pen(self._write, moving=moving, coloured=coloured, width=width)
        self.teller = Teller([self.pen])

    def _write(self, text: str) -> None:
        self.text += text

    @property
    def screen(self) -> str:
        """What a terminal shows in the end."""
        return "\n".join(line.rpartition("\x1b[2K")[2] for line in self.text.split("\n"))


def test_a_file_gets_plain_lines_and_each_state_once() -> None:
    page = Page()
    page.teller.command(["git", "commit", "--message", "Release 3.10"])
    page.pen.waiting("until it is healthy", 0.4)
    page.pen.waiting("until it is healthy; now: 1 of 2", 1.5)
    page.pen.waiting("until it is healthy; now: 1 of 2", 1.6)
    page.pen.clear()
    page.teller.outcome("Synced and Healthy.", 2.04)
    assert page.text == (
        "     $ git commit --message 'Release 3.10'\n"
        "     ... until it is healthy; now: 1 of 2\n"
        "     ✓ Synced and Healthy. (2.0 s)\n"
    )


def test_a_terminal_gets_one_line_that_is_written_over_and_cut() -> None:
    page = Page(moving=True, width=40)
    for seconds in (0.2, 1.7):
        page.pen.waiting("waiting until everything is as it should be", seconds)
    assert "\n" not in page.text
    assert all(len(part) < 40 for part in page.text.split("\r\x1b[2K"))
    assert page.text.endswith("… 2 s")
    page.teller.outcome("done", 1.0)
    assert page.screen == "     ✓ done (1.0 s)\n"


async def test_what_is_waited_for_is_shown_while_it_lasts() -> None:
    page = Page(moving=True)
    async with page.teller.waiting("the cluster starts") as wait:
        wait.now("2 of 3")
        await until(lambda: asyncio.sleep(0, page.text), lambda text: "the cluster starts; now: 2 of 3" in text)
    assert page.screen == ""


def test_output_is_shortened_and_folded_and_commands_are_neither() -> None:
    assert shortened("a\nb\nc\n", 3) == ["a", "b", "c"]
    assert shortened("a\nb\nc\nd\n", 3) == ["a", "b", "… 2 more lines"]
    page = Page(width=40)
    page.teller.output("Health:   Degraded (Pod web-5968df6bc9: InvalidImageName: invalid)\n", 3)
    assert page.text.splitlines() == [
        "       Health:   Degraded (Pod",
        "           web-5968df6bc9:",
        "           InvalidImageName: invalid)",
    ]
    page = Page(width=20)
    words = ["todoke", "app", "create", "shop", "--repo", "http://127.0.0.1/manifests.git"]
    page.teller.command(words)
    assert page.text == f"     $ {command_line(words)}\n"


def test_states_and_differences_have_a_colour_on_a_terminal_only() -> None:
    line = coloured("shop: Synced, Degraded, notSynced")
    assert [span for span in line if span.style] == [Span("Synced", "green"), Span("Degraded", "red")]
    assert plain(line) == "shop: Synced, Degraded, notSynced"
    assert [coloured(text)[0].style for text in ("+ image: a", "  - image: b")] == ["green", "red"]
    page = Page(moving=True, coloured=True)
    page.teller.output("Synced", 1)
    assert page.text == "       \x1b[32mSynced\x1b[0m\n"
    assert fit([Span("abc"), Span("def", "red")], 5) == [Span("abc"), Span("d…", "red")]


def test_a_recording_is_a_header_and_timed_output(tmp_path: Path) -> None:
    ticks = iter([10.0, 10.5, 12.25])
    path = tmp_path / "demo.cast"
    with Cast(path, 110, 32, now=lambda: next(ticks)) as cast:
        cast.write("届け\n")
        cast.write("\r\x1b[2Kdone\r\n")
        assert not path.exists()
        cast.keep()
    header, *events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 110, 32)
    with Cast(path, 110, 32) as cast:
        cast.write("broken off")
    assert [file.name for file in tmp_path.iterdir()] == ["demo.cast"]
    assert "broken off" not in path.read_text(encoding="utf-8")
    assert events == [[0.5, "o", "届け\r\n"], [2.25, "o", "\r\x1b[2Kdone\r\n"]]


def test_the_summary_is_one_line_of_json() -> None:
    told = (Told("sync", 1.5, {"sync": "Synced", "reason": "two\nlines"}),)
    line = Summary("ok", "embedded", "todoke-demo", 20.5, told).line()
    assert "\n" not in line
    assert json.loads(line)["steps"] == [{"name": "sync", "seconds": 1.5, "facts": told[0].facts}]
    assert "error" not in json.loads(line)
    failed = json.loads(Summary("failed", "kind", "x", 1.0, (), "sync", "it broke").line())
    assert (failed["result"], failed["failed"], failed["error"]) == ("failed", "sync", "it broke")


CONFIG: dict[str, Any] = {
    "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}, {"name": "two", "context": {}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://c"}}],
    "users": [{"name": "u", "user": {"token": "secret"}}],
    "current-context": "one",
}


def test_a_context_of_our_own_is_laid_over_theirs_without_its_secrets() -> None:
    chosen = choose("file", yaml.safe_dump(CONFIG), "")
    assert (chosen.context, chosen.server) == ("one", "https://c")
    ours = overlay(chosen, "todoke-demo-1")
    assert ours["contexts"][0]["context"] == {"cluster": "c", "user": "u", "namespace": "todoke-demo-1"}
    assert ours["current-context"] == ours["contexts"][0]["name"]
    assert "secret" not in json.dumps(ours)


@pytest.mark.parametrize(
    ("text", "context", "says"),
    [
        (yaml.safe_dump(CONFIG), "three", 'no context "three".*it holds: one, two'),
        ("contexts: []", "", "it has no current context"),
        ("[1, 2]", "", "cannot be read as one"),
        ("a: [", "", "cannot be read as one"),
        ("contexts: [{context: {}}]", "", "cannot be read as one"),
    ],
)
def test_what_is_no_kubeconfig_is_told(text: str, context: str, says: str) -> None:
    with pytest.raises(Blocked, match=says):
        choose("file", text, context)


def test_who_edited_is_read_from_the_object_itself() -> None:
    def held_by(manager: str, *fields: str) -> dict[str, Any]:
        return {"manager": manager, "fieldsV1": {"f:spec": {f"f:{name}": {} for name in fields}}}

    entries = [held_by("todoke", "replicas"), held_by("kube-controller", "paused"), held_by("kubectl", "replicas")]
    assert editor_of({"metadata": {"managedFields": entries}}) == "kubectl"
    assert editor_of({"metadata": {"managedFields": entries[:2]}}) == ""


def test_only_the_guards_own_words_are_a_hold() -> None:
    conditions = [{"type": "SyncError", "message": "Failed"}, {"type": "SyncError", "message": "it waits for a person"}]
    assert held({"status": {"conditions": conditions}}) == "it waits for a person"
    assert held({"status": {"conditions": conditions[:1]}}) == ""
    assert held({}) == ""


def test_the_manifests_are_of_the_kinds_that_are_defined() -> None:
    bodies = [yaml.safe_load(text) for text in manifests(ingress=True).values()]
    assert sorted(body["kind"] for body in bodies) == ["Certificate", "Deployment", "Ingress", "Service"]
    assert len(manifests(ingress=False)) == 3
    spec = certificate_definition()["spec"]
    (certificate,) = [body for body in bodies if body["kind"] == "Certificate"]
    assert certificate["apiVersion"] == f"{spec['group']}/{spec['versions'][0]['name']}"
    assert [step.name for step in STORY][:2] == ["register", "diff"]


def test_a_server_that_does_not_answer_is_told_and_the_summary_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(CONFIG).replace("https://c", "https://127.0.0.1:9"))
    program = str(PROGRAM)
    done = subprocess.run(
        [program, "demo", "-o", "json", "--yes", "--kubeconfig", str(path)], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert (summary["result"], summary["failed"], summary["steps"]) == ("failed", "set-up", [])
    assert "the API server at https://127.0.0.1:9 did not answer" in summary["error"]
    assert "todoke demo: a commit becomes a healthy service" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_done_on_a_real_cluster_when_nobody_can_be_asked(tmp_path: Path) -> None:
    """The server of this kubeconfig does not exist: an attempt to speak to it would say so."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(CONFIG))
    result = CliRunner().invoke(root, ["demo", "--kubeconfig", str(path)])
    assert result.exit_code == 1
    assert "context     one, https://c" in result.stderr
    assert "Nobody can be asked here" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--context", "one"], 2, "--context names a context of --kubeconfig FILE"),
        (["--kubeconfig", "/nowhere/config"], 1, "kubeconfig /nowhere/config: No such file or directory"),
        (["--record", "/nowhere/demo.cast"], 2, "--record /nowhere/demo.cast: No such file or directory"),
    ],
)
def test_wrong_flags_end_it_before_anything_runs(words: list[str], code: int, says: str) -> None:
    result = CliRunner().invoke(root, ["demo", *words])
    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr
