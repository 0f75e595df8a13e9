"""`todoke app history`."""

from typing import Any

import click
import msgspec

from todoke.cli.apps import words
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_yaml, out, output_option, table
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Body, Queries
from todoke.model.events import Event, HealthChanged, SyncEnded


@click.command(
    "history",
    epilog=examples("todoke app history shop", "todoke app history shop --all", "todoke app history shop -o json"),
)
@click.argument("name")
@click.option("--all", "everything", is_flag=True, help="Every fact of this machine's ledger: syncs, health, undos.")
@output_option("table", "json", "yaml", "name")
@connected
def command(session: Session, name: str, everything: bool, output: str) -> None:
    """List what was deployed, newest first, and who asked for it."""

    async def ask(queries: Queries) -> tuple[list[Body], list[Event]]:
        entries = await queries.history(name)
        return entries, await queries.story(name) if everything else []

    entries, events = session.run(ask)
    if output in ("json", "yaml"):
        data: Any = [msgspec.to_builtins(event) for event in events] if everything else entries
        out(as_json(data) if output == "json" else as_yaml(data))
    elif output == "name":
        out("\n".join(str(entry.get("id", "")) for entry in entries))
    elif everything:
        out(table(("TIME", "FACT", "REVISION", "BY", "MESSAGE"), [_fact(event) for event in events]))
    else:
        out(table(("ID", "DEPLOYED", "REVISION", "BY"), [_entry(entry) for entry in entries]))


def _entry(entry: Body) -> tuple[str, ...]:
    initiator = entry.get("initiatedBy") or {}
    by = "automated" if initiator.get("automated") else initiator.get("username") or "unknown"
    return str(entry.get("id", "")), entry.get("deployedAt", ""), words.revision(entry), by


def _fact(event: Event) -> tuple[str, ...]:
    if isinstance(event, SyncEnded):
        return event.finished, f"sync {event.phase}", _short(event.revision), event.by, event.message
    if isinstance(event, HealthChanged):
        return event.at, event.health, _short(event.revision), "", event.message
    how = f"by commit {event.commit[:8]}" if event.commit else "by a sync"
    return event.at, "undone", _short(event.bad), event.by, f"back to {event.good[:8]} {how}"


def _short(revision: str) -> str:
    return ",".join(part[:8] for part in revision.split(","))
