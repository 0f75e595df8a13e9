"""`todoke repo rm`."""

import click

from todoke.cli import asking
from todoke.cli.lazy import examples
from todoke.cli.output import out
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.repositories import RepositoryDesk


@click.command("rm", epilog=examples("todoke repo rm https://git.example.com/acme/shop.git"))
@click.argument("url")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connected
def command(session: Session, url: str, yes: bool) -> None:
    """Take a repository off the record: its Secrets are deleted. Applications that need the login say so then."""

    async def ask(queries: Queries) -> list[str]:
        asking.agreed(f"Forget the login of {url}?", yes=yes, what=f"the login of {url}")
        return await RepositoryDesk(queries).remove(url)

    for name in session.run(ask):
        out(f"secret/{name} deleted")
