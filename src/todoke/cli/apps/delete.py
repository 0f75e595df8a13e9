"""`todoke app delete`."""

import click

from todoke.cli import asking
from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.seconds import Seconds
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.requests import Doomed, Requests
from todoke.delivery.waiting import WaitFor

_SHOWN = 30


@click.command(
    "delete",
    epilog=examples(
        "todoke app delete shop",
        "todoke app delete shop --cascade none --yes",
        "todoke app delete shop --dry-run",
    ),
)
@click.argument("name")
@click.option(
    "--cascade",
    type=click.Choice(["foreground", "background", "none"]),
    default="foreground",
    show_default=True,
    help="Delete its objects too, and wait for what hangs on them or not; none leaves them as they are.",
)
@click.option("--dry-run", is_flag=True, help="List what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--async", "at_once", is_flag=True, help="Do not wait until it is gone.")
@click.option(
    "--timeout", type=Seconds(), default=600.0, show_default=True, metavar="SECONDS", help="How long to wait."
)
@connected
def command(session: Session, name: str, cascade: str, dry_run: bool, yes: bool, at_once: bool, timeout: float) -> None:
    """Delete an application. What goes with it is listed first."""

    async def ask(queries: Queries) -> None:
        requests = Requests(queries)
        doomed = await requests.doomed(name, cascade)
        (out if dry_run else say)(_text(doomed))
        if dry_run:
            return
        number = len(doomed.goes)
        what = f"the application {name}" + (f" and its {number} objects" if number else "")
        asking.agreed(f"Delete {what}?", yes=yes, what=what)
        await requests.delete(name, cascade)
        if not at_once:
            await requests.wait(name, WaitFor(deleted=True), timeout, lambda line: say(f"{name}: {line}"))
        out(f"application.argoproj.io/{queries.key(name).name} " + ("is being deleted" if at_once else "deleted"))

    session.run(ask)


def _text(doomed: Doomed) -> str:
    lines = [f"delete  Application/{doomed.application.key.name}"]
    lines += [f"delete  {live.key}" for live in doomed.goes[:_SHOWN]]
    if len(doomed.goes) > _SHOWN:
        lines.append(f"delete  and {len(doomed.goes) - _SHOWN} more")
    lines += [f"keep    {live.key}" for live in doomed.stays]
    return "\n".join(lines)
