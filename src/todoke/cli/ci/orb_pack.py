"""`todoke ci orb pack`."""

from pathlib import Path

import click

from todoke.cli.ci.orb_reading import desk_of
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option


@click.command(
    "pack", epilog=examples("todoke ci orb pack src > orb.yml", "todoke ci orb pack .circleci/orbs/acme/own -o json")
)
@click.argument("folder", type=click.Path(path_type=Path))
@output_option("yaml", "json")
def command(folder: Path, output: str) -> None:
    """Print an orb that lies in a folder as one text: @orb.yml, and a file for each command, job, executor and example.

    <<include(scripts/x.sh)>> is replaced by that file, in which << is escaped. Exit codes: 0 done, 2 it is no orb's
    folder, or cannot be read.
    """
    text = desk_of().packed(folder)
    out(as_json({"text": text}) if output == "json" else text.rstrip("\n"))
