"""`todoke ci orb list`."""

from collections.abc import Callable

import click

from todoke.cli.ci.orb_reading import Asked, asking, desk_of
from todoke.cli.ci.telling import data, tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option, say, table


@click.command(
    "list", epilog=examples("todoke ci orb list", "todoke ci orb list --built-in", "todoke ci orb list -o json")
)
@click.option("--built-in", is_flag=True, help="Those that come with todoke instead, with their generations.")
@output_option("text", "json")
@asking
def command(asked: Callable[[], Asked], output: str, built_in: bool) -> None:
    """List the orbs of a configuration and of its orbs, what each reference stands for, and where it comes from.

    FILE is .circleci/config.yml by default; - is standard input. Nothing is sent anywhere. Exit codes: 0 done, 1 what
    the configuration imports is not to be understood, 2 it cannot be read.
    """
    if built_in:
        _built_in(output)
    else:
        _used(asked(), output)


def _used(asked: Asked, output: str) -> None:
    used, problems = asked.desk.used(asked.text, asked.parameters)
    if output == "json":
        told = [data(problem, asked.name) for problem in problems]
        out(as_json({"orbs": [one.data() for one in used], "problems": told}))
    else:
        tell(problems, asked.name, asked.text)
        rows = [(one.name, one.reference or "-", one.resolved or "-", one.origin, one.place or "-") for one in used]
        out(table(("NAME", "REFERENCE", "IS", "FROM", "PLACE"), rows) if rows else f"{asked.name} uses no orbs.")
        for one in used:
            if one.origin == "missing":
                say(f"{one.reference} is missing. {one.advice}")
    if problems:
        click.get_current_context().exit(1)


def _built_in(output: str) -> None:
    labels = desk_of().built_in()
    if output == "json":
        out(as_json({"orbs": labels}))
        return
    generations: dict[str, list[str]] = {}
    for label in labels:
        name, _, generation = label.partition("@")
        generations.setdefault(name, []).append(generation)
    rows = [(name, ", ".join(each)) for name, each in generations.items()]
    out(table(("ORB", "GENERATIONS"), rows) if rows else "There are no built-in orbs.")
