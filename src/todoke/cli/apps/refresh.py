"""`todoke app refresh`."""

import click

from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.seconds import Seconds
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.requests import Requests
from todoke.delivery.waiting import state_line


@click.command("refresh", epilog=examples("todoke app refresh shop", "todoke app refresh shop --hard"))
@click.argument("name")
@click.option("--hard", is_flag=True, help="Believe nothing that is remembered: render anew, ask the server anew.")
@click.option("--timeout", type=Seconds(), default=60.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@connected
def command(session: Session, name: str, hard: bool, timeout: float) -> None:
    """Have Git and the cluster looked at anew, and wait until they were."""

    async def ask(queries: Queries) -> None:
        body = await Requests(queries).refresh(name, timeout, lambda line: say(f"{name}: {line}"), hard=hard)
        out(f"{name}: {state_line(body)}")

    session.run(ask)
