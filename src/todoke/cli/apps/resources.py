"""`todoke app resources`."""

import click
import msgspec

from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_yaml, out, output_option, table
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries, ResourceRow


@click.command("resources", epilog=examples("todoke app resources shop", "todoke app resources shop -o name"))
@click.argument("name")
@output_option("table", "wide", "json", "yaml", "name")
@connected
def command(session: Session, name: str, output: str) -> None:
    """List an application's objects; of a sick workload also why its worst Pod is not ready."""

    async def ask(queries: Queries) -> list[ResourceRow]:
        return await queries.resources(name)

    rows = session.run(ask)
    if output in ("json", "yaml"):
        data = msgspec.to_builtins(rows)
        out(as_json(data) if output == "json" else as_yaml(data))
    elif output == "name":
        out("\n".join(_name(row) for row in rows))
    else:
        out(_table(rows, wide=output == "wide"))


def _name(row: ResourceRow) -> str:
    group = f".{row.key.group}" if row.key.group else ""
    return f"{row.key.kind.lower()}{group}/{row.key.name}"


def _table(rows: list[ResourceRow], *, wide: bool) -> str:
    headers = ("KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH", "MESSAGE")
    lines = []
    for row in rows:
        message = "no longer in Git" if row.prunable and not row.message else row.message
        cells = (row.key.kind, row.key.namespace, row.key.name, row.sync, row.health, message)
        lines.append((row.key.group, *cells) if wide else cells)
    return table(("GROUP", *headers) if wide else headers, lines)
