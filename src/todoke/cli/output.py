"""How results look: tables, JSON, YAML, names; colour on a terminal only. Results go to stdout, talk to stderr."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_COLOURS = {
    "Synced": "green",
    "Healthy": "green",
    "Succeeded": "green",
    "OutOfSync": "yellow",
    "Progressing": "yellow",
    "Suspended": "yellow",
    "Missing": "yellow",
    "Running": "yellow",
    "Degraded": "red",
    "Failed": "red",
    "Error": "red",
    "SyncFailed": "red",
    "Unknown": "red",
    "create": "green",
    "create namespace": "green",
    "update": "yellow",
    "prune": "red",
    "refuse": "red",
}


def output_option(*formats: str) -> Callable[[F], F]:
    """The flag `-o`; the first format is the default."""
    return click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help="How to print it."
    )


def out(text: str) -> None:
    """A result."""
    click.echo(text, color=_colour())


def say(text: str) -> None:
    """Talk, for the person who waits."""
    click.echo(text, err=True, color=_colour())


def _colour() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def style(text: str, colour: str) -> str:
    """Coloured text; click takes the colour out where it is not wanted."""
    return click.style(text, fg=colour)


def as_json(value: Any) -> str:
    """Indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_yaml(value: Any) -> str:
    """One YAML document, keys in their own order."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.rstrip("\n")


def as_documents(values: Iterable[Mapping[str, Any]]) -> str:
    """Several YAML documents in one text."""
    return "\n---\n".join(as_yaml(value) for value in values)


def as_list(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several objects as kubectl prints them."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns; words of state get their colour. A row is never wrapped, its ends are trimmed."""
    lines = [tuple(headers), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = []
    for number, (text, width) in enumerate(zip(line, widths, strict=True)):
        padded = text if number == len(widths) - 1 else text.ljust(width)
        colour = _COLOURS.get(text)
        cells.append(style(text, colour) + padded[len(text) :] if colour else padded)
    return "  ".join(cells).rstrip()
