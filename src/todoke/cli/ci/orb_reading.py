"""What the commands of `todoke ci orb` have in common."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from todoke.ci.orb_desk import OrbDesk
from todoke.ci.workbench import Wish
from todoke.cli.app import EXIT_CODE
from todoke.cli.ci.reading import DEFAULT, STDIN, parameters_of, standard_input, text_of
from todoke.cli.session import Doors

T = TypeVar("T")
_UNREADABLE = 2


class Asked(NamedTuple):
    """A configuration whose orbs are asked for. Attributes: name: as messages call it. desk: what answers."""

    name: str
    text: str
    parameters: Mapping[str, Any]
    desk: OrbDesk


def desk_of(folder: Path = DEFAULT.parent) -> OrbDesk:
    """What answers for the orbs beside a configuration. From now on an error ends the command with 2."""
    context = click.get_current_context()
    context.meta[EXIT_CODE] = _UNREADABLE
    doors: Doors = context.find_root().obj
    return doors.ci(folder).orbs(Wish())


def asking(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command FILE and --parameters, and as its first argument what reads them when it is called."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        file: Path | None = kwargs.pop("file")
        given: str = kwargs.pop("parameters")
        return command(lambda: _asked(file, given), *args, **kwargs)

    for flag in (
        click.option("--parameters", default="", metavar="JSON|FILE", help="Pipeline parameters, as JSON or YAML."),
        click.argument("file", required=False, type=click.Path(path_type=Path)),
    ):
        flag(wrapper)
    return wrapper


def _asked(file: Path | None, given: str) -> Asked:
    desk = desk_of(file.parent if file is not None and str(file) != "-" else DEFAULT.parent)
    parameters = parameters_of(given)
    if file is not None and str(file) == "-":
        return Asked(STDIN, standard_input(), parameters, desk)
    place = file or DEFAULT
    return Asked(str(place), text_of(place), parameters, desk)
