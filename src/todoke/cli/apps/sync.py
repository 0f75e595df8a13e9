"""`todoke app sync`."""

import click

from todoke.cli import asking
from todoke.cli.lazy import examples
from todoke.cli.output import out, say, table
from todoke.cli.plans import deletions, plan_text
from todoke.cli.seconds import Seconds
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Body, PlanWish, Queries
from todoke.delivery.requests import Requests
from todoke.delivery.wishes import SyncWish
from todoke.model.errors import DeliveryError


@click.command(
    "sync",
    epilog=examples(
        "todoke app sync shop",
        "todoke app sync shop --prune --yes",
        "todoke app sync shop --resource apps:Deployment:web",
        "todoke app sync shop --dry-run",
        "todoke app sync shop --async",
    ),
)
@click.argument("name")
@click.option("--revision", default="", metavar="REF", help="Deliver this revision. [default: what it follows]")
@click.option("--prune", is_flag=True, help="Delete what Git has no more.")
@click.option(
    "--resource", "resources", metavar="GROUP:KIND:NAME", multiple=True, help="Only this object; :Service:web for core."
)
@click.option("--dry-run", is_flag=True, help="Show the plan, do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before something is deleted.")
@click.option("--async", "at_once", is_flag=True, help="Do not wait for its end.")
@click.option(
    "--timeout", type=Seconds(), default=600.0, show_default=True, metavar="SECONDS", help="How long to wait."
)
@connected
def command(
    session: Session,
    name: str,
    revision: str,
    prune: bool,
    resources: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    at_once: bool,
    timeout: float,
) -> None:
    """Deliver what Git says, now.

    On a terminal the plan is shown first, and you are asked before anything is deleted. Exit code 1 when it fails.
    """
    wish = SyncWish(revision, prune, tuple(_resource(text) for text in resources))

    async def ask(queries: Queries) -> Body | None:
        if dry_run:
            out(plan_text(await queries.plan(name, _plan_wish(wish))))
            return None
        if asking.interactive() or (prune and not yes):
            await _shown(queries, name, wish, yes=yes)
        requests = Requests(queries)
        request = await requests.sync(name, wish)
        if at_once:
            out(f"{name}: sync asked for")
            return None
        return await requests.follow(name, request, timeout, lambda line: say(f"{name}: {line}"))

    state = session.run(ask)
    if state is not None:
        finish(name, state)


def _plan_wish(wish: SyncWish) -> PlanWish:
    return PlanWish(wish.revision, wish.prune, frozenset(wish.only))


async def _shown(queries: Queries, name: str, wish: SyncWish, *, yes: bool) -> None:
    """Show the plan, and ask before something is deleted."""
    try:
        preview = await queries.plan(name, _plan_wish(wish))
    except DeliveryError as error:
        if wish.prune and not yes:
            raise
        say(f"note: there is no plan to show, the controller makes its own: {error}")
        return
    say(plan_text(preview))
    if doomed := deletions(preview.plan):
        number = f"{len(doomed)} object{'s' if len(doomed) > 1 else ''}"
        asking.agreed(f"Delete {number} ({', '.join(doomed[:5])})?", yes=yes, what=", ".join(doomed))


def finish(name: str, state: Body) -> None:
    """Print what a sync did, and end with 1 when it did not succeed."""
    results = (state.get("syncResult") or {}).get("resources") or ()
    rows = [
        (r.get("kind", ""), r.get("namespace", ""), r.get("name", ""), r.get("status", ""), r.get("message", ""))
        for r in results
        if r.get("message") != "unchanged"
    ]
    if rows:
        out(table(("KIND", "NAMESPACE", "NAME", "RESULT", "MESSAGE"), rows))
    out(f"{name}: {state.get('phase')}: {state.get('message', '')}".rstrip(": "))
    if state.get("phase") != "Succeeded":
        raise click.exceptions.Exit(1)


def _resource(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise click.UsageError(f"--resource {text}: expected GROUP:KIND:NAME, such as apps:Deployment:web")
    return parts[0], parts[1], parts[2]
