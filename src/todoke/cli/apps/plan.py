"""`todoke app plan`."""

import click

from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_yaml, out, output_option
from todoke.cli.plans import plan_data, plan_text
from todoke.cli.session import Session, connected
from todoke.delivery.queries import PlanWish, Preview, Queries


@click.command(
    "plan",
    epilog=examples(
        "todoke app plan shop", "todoke app plan shop --revision 3f2a91c --prune", "todoke app plan shop -o json"
    ),
)
@click.argument("name")
@click.option("--revision", default="", metavar="REF", help="Plan for this revision. [default: what it follows]")
@click.option("--prune/--no-prune", default=None, help="Delete what Git has no more. [default: as its policy says]")
@output_option("table", "wide", "json", "yaml")
@connected
def command(session: Session, name: str, revision: str, prune: bool | None, output: str) -> None:
    """Show what a sync would do, step by step, and why. Nothing is changed."""

    async def ask(queries: Queries) -> Preview:
        return await queries.plan(name, PlanWish(revision, prune))

    preview = session.run(ask)
    if output in ("json", "yaml"):
        out(as_json(plan_data(preview)) if output == "json" else as_yaml(plan_data(preview)))
    else:
        out(plan_text(preview, wide=output == "wide"))
