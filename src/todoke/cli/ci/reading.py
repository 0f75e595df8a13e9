"""What the commands of `todoke ci` have in common: the file, the parameters, and the flags."""

import functools
import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import yaml

from todoke.ci.continuing import Changes
from todoke.ci.workbench import Wish, Workbench
from todoke.cli.app import EXIT_CODE
from todoke.cli.lazy import examples
from todoke.cli.session import Doors
from todoke.model.errors import Blocked

T = TypeVar("T")
_UNREADABLE = 2
_MOST_LETTERS = 8 * 1024 * 1024  # more than any limit lets pass: what has no end, such as a device, ends here
STDIN = "(standard input)"
DEFAULT = Path(".circleci/config.yml")


class Configuration(NamedTuple):
    """A configuration to compile. Attributes: name: as messages call it. changes: for what follows a setup."""

    name: str
    text: str
    workbench: Workbench
    wish: Wish
    changes: Changes = Changes()


_FLAGS = (
    click.argument("file", required=False, type=click.Path(path_type=Path)),
    click.option("--parameters", default="", metavar="JSON|FILE", help="Pipeline parameters, as JSON or YAML."),
    click.option(
        "--branch", default="", metavar="NAME", help="As if this branch were pushed. [default: the checkout's]"
    ),
    click.option("--tag", default="", metavar="NAME", help="As if this tag were pushed."),
    click.option("--strict", is_flag=True, help="Refuse built-in stand-ins for published orbs."),
)


def reading(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the file and the flags, and a Configuration as its first argument."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        click.get_current_context().meta[EXIT_CODE] = _UNREADABLE
        file: Path | None = kwargs.pop("file")
        wish = Wish(
            parameters_of(kwargs.pop("parameters")), kwargs.pop("branch"), kwargs.pop("tag"), kwargs.pop("strict")
        )
        if wish.branch and wish.tag:
            raise click.UsageError("--branch and --tag exclude each other")
        changes = Changes(tuple(kwargs.pop("changed", ())), kwargs.pop("changed_since", ""))
        if changes.paths and changes.since:
            raise click.UsageError("--changed and --changed-since exclude each other")
        doors: Doors = click.get_current_context().find_root().obj
        if file is not None and str(file) == "-":
            text, name, folder = standard_input(), STDIN, DEFAULT.parent
        else:
            place = file or DEFAULT
            text, name, folder = text_of(place), str(place), place.parent
        return command(Configuration(name, text, doors.ci(folder), wish, changes), *args, **kwargs)

    for flag in reversed(_FLAGS):
        flag(wrapper)
    return wrapper


def changes_options(command: Callable[..., T]) -> Callable[..., T]:
    """The flags that say what has changed, for commands that go on from a setup configuration."""
    for flag in (
        click.option(
            "--changed-since",
            default="",
            metavar="REF",
            help="For a setup configuration: what follows it with the changes of this commit since it left REF.",
        ),
        click.option(
            "--changed",
            multiple=True,
            metavar="PATH",
            help="For a setup configuration: what follows it when this path has changed. May be given several times.",
        ),
    ):
        flag(command)
    return command


def renamed(command: click.Command, name: str, example: str) -> click.Command:
    """The same command by another name."""
    return click.Command(
        name, callback=command.callback, params=command.params, help=command.help, epilog=examples(example)
    )


def text_of(place: Path, next_step: str = "Name a file, or - for standard input") -> str:
    """The text of a file. Raises: Blocked: it cannot be read."""
    try:
        with place.open(encoding="utf-8") as file:
            return file.read(_MOST_LETTERS)
    except OSError as error:
        raise Blocked(str(place), f"cannot be read: {error.strerror}", next_step=next_step) from error
    except ValueError as error:
        raise _no_text(str(place)) from error


def standard_input() -> str:
    """The text of standard input. Raises: Blocked: it is closed, or no text."""
    if sys.stdin is None:
        raise Blocked(STDIN, "is closed", next_step="Name a file")
    try:
        letters = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
        found = letters.read(_MOST_LETTERS)
        letters.detach()
    except ValueError as error:
        raise _no_text(STDIN) from error
    return found


def _no_text(name: str) -> Blocked:
    return Blocked(name, "is not UTF-8 text", next_step="Correct its encoding")


def parameters_of(given: str) -> Mapping[str, Any]:
    """What --parameters says. Raises: click.UsageError: it is no map. Blocked: the file cannot be read."""
    if not given:
        return {}
    is_text = given.lstrip().startswith(("{", "["))
    text = given if is_text else text_of(Path(given), "Write JSON such as '{\"deploy\": true}', or name a file with it")
    try:
        found = _data(text)
    except RecursionError as error:
        raise click.UsageError("--parameters: maps and lists lie too deep in each other") from error
    except (ValueError, yaml.YAMLError) as error:
        words = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise click.UsageError(f"--parameters is neither JSON nor YAML: {words}") from error
    if not isinstance(found, dict):
        raise click.UsageError("--parameters must be a map of names and values")
    return {str(name): value for name, value in found.items()}


def _data(text: str) -> Any:
    """The value of JSON, or of YAML in which dates stay text. Raises: ValueError, YAMLError, RecursionError."""
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError:
        return yaml.load(text, Loader=_Loader)  # noqa: S506


class _Loader(yaml.SafeLoader):
    """Without dates: the parameters of a pipeline are texts, numbers and booleans."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
