"""`todoke ci compile`."""

import click

from todoke.cli.ci.following import compiled_text, following
from todoke.cli.ci.reading import Configuration, changes_options, reading
from todoke.cli.ci.telling import tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option


@click.command(
    "compile",
    epilog=examples(
        "todoke ci compile",
        "todoke ci compile --parameters '{\"deploy\": true}' --branch release",
        "todoke ci compile --changed src/api/main.py",
        "todoke ci compile - < config.yml",
    ),
)
@output_option("yaml", "json")
@changes_options
@reading
def command(configuration: Configuration, output: str) -> None:
    """Print a configuration as it runs: orbs, commands, executors, parameters and conditions put in.

    FILE is .circleci/config.yml by default; - is standard input. With --changed or --changed-since what follows a setup
    configuration is a second document. Nothing is sent anywhere. Exit codes: 0 done, 1 it is not valid, 2 it cannot be
    read.
    """
    context = click.get_current_context()
    found = configuration.workbench.compiled(configuration.text, configuration.wish)
    tell(found.problems, configuration.name, configuration.text)
    if found.document is None:
        context.exit(1)
    more = following(configuration, found) if configuration.changes.are_named else ()
    texts = [compiled_text(configuration.workbench, one) for one in more]
    documents = [found.document, *(one.compiled.document for one in more if one.compiled)]
    if output == "json":
        out(as_json(documents if more else found.document))
    else:
        out("\n".join([configuration.workbench.text(found).rstrip("\n"), *texts]))
    if any(one.is_wrong for one in more):
        context.exit(1)
