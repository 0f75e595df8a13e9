"""`todoke app wait`."""

import click

from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.seconds import Seconds
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.requests import Requests
from todoke.delivery.waiting import EVERYTHING, WaitFor, state_line


@click.command(
    "wait",
    epilog=examples(
        "todoke app wait shop",
        "todoke app wait shop --health --timeout 120",
        "todoke app wait shop --operation",
        "todoke app wait shop --delete",
    ),
)
@click.argument("name")
@click.option("--sync", is_flag=True, help="Until it is Synced.")
@click.option("--health", is_flag=True, help="Until it is Healthy.")
@click.option("--suspended", is_flag=True, help="Until it is Suspended; with --health either will do.")
@click.option("--degraded", is_flag=True, help="Until it is Degraded; with --health either will do.")
@click.option("--operation", is_flag=True, help="Until no sync is running.")
@click.option("--delete", "deleted", is_flag=True, help="Until it is gone.")
@click.option(
    "--timeout", type=Seconds(), default=600.0, show_default=True, metavar="SECONDS", help="How long to wait."
)
@connected
def command(
    session: Session,
    name: str,
    sync: bool,
    health: bool,
    suspended: bool,
    degraded: bool,
    operation: bool,
    deleted: bool,
    timeout: float,
) -> None:
    """Wait for an application. Without a flag: until no sync is running and it is Synced and Healthy."""
    chosen = (("Healthy", health), ("Suspended", suspended), ("Degraded", degraded))
    wanted = WaitFor(sync, frozenset(word for word, on in chosen if on), operation, deleted)
    if wanted == WaitFor():
        wanted = EVERYTHING

    async def ask(queries: Queries) -> None:
        body = await Requests(queries).wait(name, wanted, timeout, lambda line: say(f"{name}: {line}"))
        out(f"{name}: {state_line(body)}")

    session.run(ask)
