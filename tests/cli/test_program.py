"""The program itself: help, examples, completion, exit codes, settings flags, how fast it starts."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from tests.cli.conftest import Workshop
from todoke.cli.app import root
from todoke.cli.fields import fields_of
from todoke.cli.logs import Json, Words
from todoke.settings import Settings

PROGRAM = Path(sys.executable).with_name("todoke")

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def commands(workshop: Workshop) -> Iterator[tuple[str, click.Command]]:
    """Every command with its words."""
    context = click.Context(root, obj=workshop.doors())
    waiting: list[tuple[str, click.Command]] = [("", root)]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                waiting.append((f"{words} {name}".strip(), found))


def example_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if re.match(r"\s+(TODOKE_\w+=\S+ )?todoke ", line)]


def words_of(line: str) -> list[str]:
    """The program's arguments in a line of shell."""
    words = shlex.split(line)
    while "=" in words[0]:
        words.pop(0)
    for stop in ("|", ">", "<", "&&"):
        words = words[: words.index(stop)] if stop in words else words
    assert words[0] == "todoke"
    return words[1:]


def parsed(workshop: Workshop, words: list[str]) -> None:
    """Parse as the program would, without running anything."""
    command: click.Command = root
    context = click.Context(root, info_name="todoke", obj=workshop.doors())
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name, list(words), parent=context)


def test_every_help_ends_with_examples_that_parse(workshop: Workshop) -> None:
    for words, command in commands(workshop):
        lines = example_lines(command.epilog or "")
        assert lines, f"todoke {words} has no examples"
        for line in lines:
            assert line.split("todoke ", 1)[1].startswith(words), line
            parsed(workshop, words_of(line))
        shown = workshop.run(*words.split(), "--help")
        assert shown.exit_code == 0
        assert shown.stdout.rstrip().endswith(lines[-1])


_WAITS_FOR_EVER = re.compile(r" (-w|serve|demo)\b")
_RUN_ELSEWHERE = re.compile(r"todoke (diff|render|repo|ci)\b|--local")
_NEEDS_HISTORY = re.compile(r"rollback|3f2a91c|v2|release-2|team-a/shop|--delete\b")


def test_examples_run(workshop: Workshop) -> None:
    """Those that do not need a history of their own."""
    ran = 0
    for _, command in commands(workshop):
        for line in example_lines(command.epilog or ""):
            if any(pattern.search(line) for pattern in (_WAITS_FOR_EVER, _NEEDS_HISTORY, _RUN_ELSEWHERE)):
                continue
            fresh = Workshop()
            fresh.push({"deploy/web.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: web}\n"})
            if " create " not in line:
                fresh.application(syncPolicy={"automated": {}} if "wait" in line else {})
            if "apps:Deployment:web" in line:
                line = line.replace("apps:Deployment:web", ":ConfigMap:web")
            if " delete " in line:
                line += " --yes"
            result = fresh.run(*words_of(line))
            assert result.exit_code == (1 if " diff " in line else 0), f"{line}\n{result.output}"
            ran += 1
    assert ran > 30


@pytest.mark.parametrize("page", ["cli.md", "rights.md", "settings.md"])
def test_examples_of_the_reference_parse(workshop: Workshop, page: str) -> None:
    lines = [line.removeprefix("$ ") for line in (DOCS / page).read_text().splitlines() if line.startswith("$ ")]
    assert lines
    for line in lines:
        parsed(workshop, words_of(line))


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/reference/application.md"])
def test_commands_in_the_guides_parse(workshop: Workshop, page: str) -> None:
    text = (DOCS.parents[1] / page).read_text().replace("\\\n", " ")
    lines = re.findall(r"^ *\$ (todoke .*?)(?: +#.*)?$", text, re.MULTILINE)
    lines += [match.replace("\n", " ") for match in re.findall(r"`(todoke [^`]+)`", text)]
    assert lines
    for line in lines:
        parsed(workshop, words_of(line))


def test_the_reference_names_every_command(workshop: Workshop) -> None:
    page = (DOCS / "cli.md").read_text()
    for words, command in commands(workshop):
        if words and not isinstance(command, click.Group):
            assert f"### `todoke {words}" in page, words


def test_an_unknown_command_suggests_near_ones(workshop: Workshop) -> None:
    result = workshop.run("app", "snyc")
    assert result.exit_code == 2
    assert "Did you mean sync?" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(workshop: Workshop, shell: str) -> None:
    script = workshop.run("completion", shell).stdout
    assert "_TODOKE_COMPLETE" in script


def test_version(workshop: Workshop) -> None:
    assert workshop.run("--version").stdout.startswith("todoke ")
    assert workshop.run("version").stdout.startswith("todoke ")


def test_serve_has_a_flag_for_each_setting(workshop: Workshop) -> None:
    shown = workshop.run("serve", "--help").stdout
    for field in fields_of(Settings):
        assert f"--{field.name.replace('_', '-')}" in shown
        assert field.doc, f"{field.name} has no docstring"
    assert workshop.run("serve", "--poll-seconds", "5", "--observe", "-n", "delivery").exit_code == 0
    (settings,) = workshop.served
    assert (settings.poll_seconds, settings.observe, settings.namespace) == (5.0, True, "delivery")


def test_a_wrong_variable_is_a_usage_error(workshop: Workshop) -> None:
    workshop.environment["TODOKE_WORKERS"] = "many"
    result = workshop.run("serve")
    assert result.exit_code == 2
    assert "TODOKE_WORKERS='many': expected int" in result.stderr
    assert workshop.run("app", "list").exit_code == 2
    del workshop.environment["TODOKE_WORKERS"]
    assert "expected debug, info, warning or error" in workshop.run("serve", "--log-level", "loud").stderr


def test_the_environment_names_the_control_namespace(workshop: Workshop) -> None:
    workshop.environment["TODOKE_NAMESPACE"] = "elsewhere"
    assert "the namespace elsewhere" in workshop.run("app", "list").stderr
    assert "shop" in workshop.run("app", "list", "-n", "todoke").stdout


def test_logs_are_facts_with_fields() -> None:
    import logging

    record = logging.makeLogRecord(
        {"msg": "delivered", "levelname": "INFO", "created": 0.0, "application": "shop", "changes": 2}
    )
    assert yaml.safe_load(Json().format(record)) == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "event": "delivered",
        "application": "shop",
        "changes": 2,
    }
    assert Words().format(record) == "1970-01-01T00:00:00.000Z info    delivered application=shop changes=2"


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_the_program_starts_without_what_it_does_not_need(flag: str) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['todoke', {flag!r}]\n"
        "from todoke.main import cli\n"
        "try:\n    cli()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'aiohttp', 'pygit2', 'yaml', 'prometheus_client', 'sqlite3'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [("--help",), ("install", "crds"), ("completion", "bash")])
def test_a_full_disk_is_told_in_one_line(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "error: standard output: No space left on device\n")


def test_an_interrupt_has_a_code_of_its_own(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yml")
    process = subprocess.Popen([PROGRAM, "ci", "validate", tmp_path / "config.yml"], stderr=subprocess.PIPE, text=True)
    with (tmp_path / "config.yml").open("w"):  # opened on both sides: it reads now
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    assert process.stderr is not None
    with process.stderr as told:
        assert told.read() == "interrupted\n"
