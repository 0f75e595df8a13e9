"""`todoke app manifests`."""

from typing import Any

import click

from todoke.cli.lazy import examples
from todoke.cli.output import as_documents, as_json, as_list, out, output_option
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.showing import shown_body


@click.command(
    "manifests",
    epilog=examples(
        "todoke app manifests shop",
        "todoke app manifests shop --source live",
        "todoke app manifests shop --revision v2",
    ),
)
@click.argument("name")
@click.option(
    "--source", type=click.Choice(["git", "live"]), default="git", show_default=True, help="From Git or the cluster."
)
@click.option("--revision", default="", metavar="REF", help="Of this revision. [default: what it follows]")
@output_option("yaml", "json")
@connected
def command(session: Session, name: str, source: str, revision: str, output: str) -> None:
    """Print an application's manifests as they are applied. Values of Secrets are masked."""

    async def ask(queries: Queries) -> list[dict[str, Any]]:
        if source == "live":
            return [live.body for live in await queries.live_manifests(name)]
        return [manifest.body for manifest in await queries.manifests(name, revision)]

    shown = [shown_body(body) for body in session.run(ask)]
    out(as_json(as_list(shown)) if output == "json" else as_documents(shown))
