"""`todoke repo list`."""

import click
import msgspec

from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option, say, table
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.repositories import RepositoryDesk, RepositoryRow


@click.command("list", epilog=examples("todoke repo list", "todoke repo list -o json"))
@output_option("table", "json", "name")
@connected
def command(session: Session, output: str) -> None:
    """List the repositories on record. Secrets are not shown."""

    async def ask(queries: Queries) -> list[RepositoryRow]:
        return await RepositoryDesk(queries).rows()

    rows = session.run(ask)
    if output == "json":
        out(as_json([msgspec.to_builtins(row) for row in rows]))
    elif output == "name":
        for row in rows:
            out(row.url)
    elif rows:
        cells = [(row.url, row.use, row.kind, row.login, row.project or "-", row.secret) for row in rows]
        out(table(("URL", "USE", "TYPE", "LOGIN", "PROJECT", "SECRET"), cells))
    else:
        say("No repository is on record. Public ones need none; add one with `todoke repo add`.")
