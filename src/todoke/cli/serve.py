"""`todoke serve`: one flag for each setting, described by the setting's own docstring."""

from typing import Any

import click

from todoke.cli.fields import Field, fields_of
from todoke.cli.lazy import examples
from todoke.cli.logs import start_logging
from todoke.cli.output import say
from todoke.cli.session import Doors, settings_from


def command(doors: Doors) -> click.Command:
    """The command, made of the settings' fields."""

    def serve(**flags: Any) -> None:
        settings = settings_from(doors, flags)
        try:
            start_logging(settings.log_level)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        doors.serve(settings, say)

    return click.Command(
        "serve",
        callback=serve,
        params=[_flag(field) for field in fields_of(doors.settings_type)],
        help="Run the controller until it is interrupted. Each flag can be set by TODOKE_NAME too; a flag beats it.",
        epilog=examples(
            "todoke serve",
            "todoke serve --observe",
            "TODOKE_LISTEN=0.0.0.0:8080 todoke serve --namespace delivery --poll-seconds 10",
        ),
    )


def _flag(field: Field) -> click.Option:
    dashed = field.name.replace("_", "-")
    letters = ("-n",) if field.name == "namespace" else ()
    if field.type is bool:
        return click.Option([f"--{dashed}/--no-{dashed}"], default=None, help=field.doc)
    return click.Option([*letters, f"--{dashed}"], type=field.type, help=field.doc)
