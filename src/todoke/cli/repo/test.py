"""`todoke repo test`."""

import click

from todoke.cli.lazy import examples
from todoke.cli.output import out
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.repositories import Reached, RepositoryDesk


@click.command("test", epilog=examples("todoke repo test https://git.example.com/shop.git"))
@click.argument("url")
@connected
def command(session: Session, url: str) -> None:
    """Ask a Git repository for its default branch from here, with the login on record if you may read it."""

    async def ask(queries: Queries) -> Reached:
        return await RepositoryDesk(queries).test(url)

    reached = session.run(ask)
    login = f"login of {reached.secret}" if reached.secret else "no login"
    out(f"{reached.url}: default branch at {reached.head[:8]}, {login}")
