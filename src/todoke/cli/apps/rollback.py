"""`todoke app rollback`."""

import click

from todoke.cli import asking
from todoke.cli.apps.sync import finish
from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.plans import deletions, plan_text
from todoke.cli.seconds import Seconds
from todoke.cli.session import Session, connected
from todoke.delivery.queries import PlanWish, Queries
from todoke.delivery.requests import Requests
from todoke.delivery.undo import Choice, UndoWish
from todoke.delivery.waiting import state_line
from todoke.model.sources import Reverted


@click.command(
    "rollback",
    epilog=examples(
        "todoke app rollback shop",
        "todoke app rollback shop --push",
        "todoke app rollback shop 3 --dry-run",
        "todoke app rollback shop --revision 3f2a91c --to-branch fix/undo",
    ),
)
@click.argument("name")
@click.argument("history_id", required=False, type=int, metavar="[ID]")
@click.option("--revision", default="", metavar="REF", help="Go back to this revision instead of an entry's.")
@click.option("--push", is_flag=True, help="Push the revert commit to the tracked branch, and follow it to healthy.")
@click.option("--to-branch", default="", metavar="NAME", help="Branch to push to. [default: todoke/undo-NAME-COMMIT]")
@click.option("--prune", is_flag=True, help="Synced by hand: delete what the older revision has not.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before something is deleted.")
@click.option(
    "--timeout", type=Seconds(), default=600.0, show_default=True, metavar="SECONDS", help="How long to follow it."
)
@connected
def command(
    session: Session,
    name: str,
    history_id: int | None,
    revision: str,
    push: bool,
    to_branch: str,
    prune: bool,
    dry_run: bool,
    yes: bool,
    timeout: float,
) -> None:
    """Undo a release. Without an ID: back to the release before the present one.

    An application that follows Git by itself is undone in Git: a commit that takes back its own files, and no others,
    is pushed to a branch of its own, or with --push to the branch that it follows. On one that is synced by hand the
    older revision is deployed.
    """
    if push and to_branch:
        raise click.UsageError("--push and --to-branch exclude each other.")
    wish = UndoWish(history_id, revision, push, to_branch, prune)

    async def ask(queries: Queries) -> None:
        requests = Requests(queries)
        choice = await requests.choose_undo(name, wish)
        (out if dry_run else say)(choice.sentence)
        if dry_run:
            return
        if choice.by_commit:
            await _by_commit(requests, name, choice, timeout)
            return
        if prune and not yes:
            preview = await queries.plan(name, PlanWish(choice.good, prune))
            say(plan_text(preview))
            if doomed := deletions(preview.plan):
                asking.agreed(f"Delete {', '.join(doomed[:5])}?", yes=yes, what=", ".join(doomed))
        request = await requests.undo_by_sync(name, choice)
        finish(name, await requests.follow(name, request, timeout, lambda line: say(f"{name}: {line}")))

    session.run(ask)


async def _by_commit(requests: Requests, name: str, choice: Choice, timeout: float) -> None:
    reverted = await requests.undo_by_commit(name, choice)
    _tell(name, reverted)
    if reverted.conflicts:
        say(f"error: these files hold conflict markers, mend them before you merge: {', '.join(reverted.conflicts)}")
        raise click.exceptions.Exit(1)
    if not choice.push_to:
        body = await requests.follow_commit(name, choice, reverted.sha, timeout, lambda line: say(f"{name}: {line}"))
        out(f"{name}: {state_line(body)}")


def _tell(name: str, reverted: Reverted) -> None:
    for commit in reverted.reverted:
        say(f"  takes back {commit.sha[:8]} {commit.subject} ({commit.author})")
    out(f"{name}: {reverted.sha[:8]} pushed to {reverted.branch}")
    if reverted.link:
        out(f"Open a pull request: {reverted.link}")
