"""`todoke ci orb validate`."""

from pathlib import Path

import click

from todoke.cli.ci.orb_reading import desk_of
from todoke.cli.ci.reading import STDIN, standard_input, text_of
from todoke.cli.ci.telling import data, tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option


@click.command(
    "validate",
    epilog=examples(
        "todoke ci orb validate orb.yml",
        "todoke ci orb validate .circleci/orbs/acme/own",
        "todoke ci orb validate -o json - < orb.yml",
    ),
)
@click.argument("place", metavar="FILE|FOLDER|-", type=click.Path(path_type=Path))
@output_option("text", "json")
def command(place: Path, output: str) -> None:
    """Compile each element of an orb by itself, and say all that is wrong with it.

    Parameters have their defaults, and stand-ins where only a caller knows; booleans and enums are tried in turn. Orbs
    that it imports are looked up in .circleci. Nothing is sent anywhere. Exit codes: 0 it is valid, 1 it is not, 2 it
    cannot be read.
    """
    desk = desk_of()
    if str(place) == "-":
        name, text = STDIN, standard_input()
        found = desk.checked(None, text)
    else:
        name, text = str(place), "" if place.is_dir() else text_of(place)
        found = desk.checked(place)
    if output == "json":
        problems = [data(problem, name) for problem in found.problems]
        out(as_json({"valid": not found.errors, "elements": found.elements, "problems": problems}))
    else:
        tell(found.problems, name, text)
        if not found.errors:
            out(f"{name} is valid: {found.elements} element{'' if found.elements == 1 else 's'}.")
    if found.errors:
        click.get_current_context().exit(1)
