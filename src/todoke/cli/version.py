"""`todoke version`."""

import platform

import click

from todoke import __version__
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_yaml, out, output_option


@click.command("version", epilog=examples("todoke version", "todoke version -o json"))
@output_option("table", "json", "yaml")
def command(output: str) -> None:
    """Print the version of todoke and of its Python."""
    facts = {"todoke": __version__, "python": platform.python_version()}
    if output == "table":
        out("\n".join(f"{name} {text}" for name, text in facts.items()))
    else:
        out(as_json(facts) if output == "json" else as_yaml(facts))
