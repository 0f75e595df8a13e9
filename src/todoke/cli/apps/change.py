"""`todoke app set`."""

import click
import msgspec

from todoke.cli.apps import words
from todoke.cli.apps.spec_flags import spec_fields
from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Body, Queries
from todoke.delivery.requests import Requests
from todoke.delivery.wishes import SpecWish


@click.command(
    "set",
    epilog=examples(
        "todoke app set shop --revision release-2",
        "todoke app set shop --sync-policy manual",
        "todoke app set shop --sync-policy automated --auto-prune --self-heal",
        "todoke app set shop --sync-option CreateNamespace=true --sync-option '!PruneLast'",
    ),
)
@click.argument("name")
@spec_fields
@click.option("--source-position", type=click.IntRange(min=1), metavar="N", help="Which of many sources, from 1.")
@connected
def command(session: Session, name: str, wish: SpecWish, source_position: int | None) -> None:
    """Change what is named, and nothing else. Who switches the sync policy is written on the Application."""
    if wish.nothing:
        raise click.UsageError("Name at least one field to change.")
    wish = msgspec.structs.replace(wish, source_position=source_position or 0)

    async def ask(queries: Queries) -> Body:
        return await Requests(queries).set(name, wish)

    body = session.run(ask)
    out(f"{words.reference(body)} changed")
    if wish.automated is not None:
        say(f"Its sync policy is {words.policy_word(body)} now.")
