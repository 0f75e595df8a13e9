"""`todoke ci orb show`."""

import json
from collections.abc import Iterator
from typing import Any

import click

from todoke.ci.orb_desk import Shown
from todoke.cli.ci.orb_reading import desk_of
from todoke.cli.ci.telling import tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option, style

_SECTIONS = ("commands", "jobs", "executors")


@click.command(
    "show",
    epilog=examples(
        "todoke ci orb show circleci/node@5.0",
        "todoke ci orb show circleci/node -o json",
        "todoke ci orb show .circleci/orbs/acme/own",
    ),
)
@click.argument("wanted", metavar="REF|FILE|FOLDER")
@output_option("text", "json")
def command(wanted: str, output: str) -> None:
    """Show the commands, jobs and executors of an orb with their parameters, types and defaults.

    REF is such as circleci/node@5.0; without a version it is the newest that is locked, else the newest that is there.
    Nothing is sent anywhere. Exit codes: 0 done, 1 the orb's text is not right, 2 it is not there or cannot be read.
    """
    found = desk_of().shown(wanted)
    if output == "json":
        out(as_json(found.data()))
    elif found.outline is not None:
        out("\n".join(_lines(found)))
    tell(found.problems, found.resolved, "")
    if found.problems:
        click.get_current_context().exit(1)


def _lines(found: Shown) -> Iterator[str]:
    shown = found.data()
    place = f", {found.place}" if found.place and found.place != found.resolved else ""
    yield f"{style(found.resolved, 'cyan')} ({found.origin}{place})"
    if shown["description"]:
        yield f"  {shown['description']}"
    for name, reference in shown["orbs"].items():
        yield f"  uses {name}: {reference}"
    for section in _SECTIONS:
        if shown[section]:
            yield ""
            yield section
        for element in shown[section]:
            yield f"  {style(element['name'], 'green')}{_after(element['description'])}"
            yield from _parameters(element["parameters"])


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    rows = [(one["name"], _type(one), _default(one), one["description"]) for one in parameters]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=False))
        yield f"    {'  '.join(cells)}{_after(row[3])}".rstrip()


def _type(one: dict[str, Any]) -> str:
    return f"enum {'|'.join(str(choice) for choice in one['enum'])}" if one.get("enum") else str(one["type"])


def _default(one: dict[str, Any]) -> str:
    if one["required"]:
        return "required"
    text = json.dumps(one["default"], ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _after(description: str) -> str:
    return f"  {description}" if description else ""
