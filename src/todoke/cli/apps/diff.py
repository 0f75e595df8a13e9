"""`todoke app diff`."""

from pathlib import Path

import click

from todoke.cli.app import EXIT_CODE
from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.plans import diff_text, differs
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Preview, Queries

_DIFFERS, _FAILED = 1, 2


@click.command(
    "diff",
    epilog=examples(
        "todoke app diff shop", "todoke app diff shop --revision 3f2a91c", "todoke app diff shop --local ."
    ),
)
@click.argument("name")
@click.option("--revision", default="", metavar="REF", help="Compare with this revision. [default: what it follows]")
@click.option(
    "--local",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Compare with the files of this clone of its repository, as they are now.",
)
@connected
def command(session: Session, name: str, revision: str, local: Path | None) -> None:
    """Show how the cluster differs from Git: `-` is what it has, `+` what Git says.

    Values of Secrets are masked. Exit codes: 0 no difference, 1 some, 2 failed.
    """
    if revision and local:
        raise click.UsageError("--revision and --local exclude each other")
    context = click.get_current_context()
    context.meta[EXIT_CODE] = _FAILED

    async def ask(queries: Queries) -> Preview:
        return await queries.diff(name, revision, local)

    preview = session.run(ask)
    for note in preview.notes:
        say(f"note: {note}")
    if differs(preview.plan):
        out(diff_text(preview))
        context.exit(_DIFFERS)
