"""`todoke ci validate`."""

import click

from todoke.cli.ci.reading import Configuration, reading
from todoke.cli.ci.telling import data, tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option


@click.command(
    "validate",
    epilog=examples(
        "todoke ci validate",
        "todoke ci validate .circleci/continue_config.yml --parameters '{\"deploy\": true}'",
        "todoke ci validate -o json - < config.yml",
    ),
)
@output_option("text", "json")
@reading
def command(configuration: Configuration, output: str) -> None:
    """Compile a configuration and say all that is wrong with it, and what compiles and will surprise.

    FILE is .circleci/config.yml by default; - is standard input. Nothing is sent anywhere. Exit codes: 0 it is valid,
    1 it is not, 2 it cannot be read.
    """
    context = click.get_current_context()
    found = configuration.workbench.compiled(configuration.text, configuration.wish)
    if output == "json":
        problems = [data(problem, configuration.name) for problem in found.problems]
        out(as_json({"valid": not found.errors, "problems": problems}))
    else:
        tell(found.problems, configuration.name, configuration.text)
        if not found.errors:
            out(f"{configuration.name} is valid.")
    if found.errors:
        context.exit(1)
