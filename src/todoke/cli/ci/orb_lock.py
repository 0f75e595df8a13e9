"""`todoke ci orb lock`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from todoke.ci.orb_desk import LockOutcome, LockWish
from todoke.cli.ci.orb_reading import Asked, asking
from todoke.cli.ci.telling import data, tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option, say
from todoke.model.orb_locks import PUBLIC_REGISTRY, GitPlace, LockedOrb, git_place, reference_of
from todoke.model.sources import shown_url


@click.command(
    "lock",
    epilog=examples(
        "todoke ci orb lock",
        "todoke ci orb lock --vendor",
        "todoke ci orb lock --update --check",
        "todoke ci orb lock --from-git https://git.example.com/orbs.git@v1.2:src/own acme/own@1.2",
    ),
)
@click.option(
    "--registry",
    default=PUBLIC_REGISTRY,
    envvar="TODOKE_ORB_REGISTRY",
    show_default=True,
    show_envvar=True,
    metavar="URL",
    help="Address of the registry's GraphQL.",
)
@click.option(
    "--from-git",
    nargs=2,
    multiple=True,
    metavar="URL[@REF]:PATH ORB@VERSION",
    help="Take this orb from a file or a packed folder of a Git repository. May be given several times.",
)
@click.option("--update", is_flag=True, help="Ask again for what is locked already.")
@click.option("--vendor", is_flag=True, help="Write the texts into .circleci/orbs/, to be committed too.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when the lock would change.")
@output_option("text", "json")
@asking
def command(
    asked: Callable[[], Asked],
    registry: str,
    from_git: tuple[tuple[str, str], ...],
    update: bool,
    vendor: bool,
    check: bool,
    output: str,
) -> None:
    """Pin each orb of a configuration, and of its orbs, to one version and one text, in .circleci/orbs.lock.

    FILE is .circleci/config.yml by default; - is standard input. Versions that are written in part, and volatile,
    become full ones. What is locked stays; its text is fetched once more where it is missing. The token for private
    orbs is read from $TODOKE_ORB_TOKEN or $CIRCLECI_CLI_TOKEN. Exit codes: 0 done, 1 with --check: the lock would
    change, 2 an orb cannot be had, and nothing was written.
    """
    context = click.get_current_context()
    places = _places(from_git)
    question = asked()
    wish = LockWish(
        registry=registry,
        parameters=question.parameters,
        from_git=places,
        update=update,
        vendor=vendor,
        check=check,
        announce=say,
    )
    found = asyncio.run(question.desk.lock(question.text, wish))
    if output == "json":
        out(as_json(_data(found, question.name, written=not check and not found.failed)))
    else:
        tell(found.problems, question.name, question.text)
        if not found.failed:
            out(_text(found, check))
    if found.failed:
        context.exit(2)
    if check and (found.new or found.changed):
        context.exit(1)


def _places(from_git: tuple[tuple[str, str], ...]) -> dict[str, GitPlace]:
    found = {}
    for written, reference in from_git:
        place = git_place(written)
        if place is None:
            raise click.UsageError(f"--from-git: {shown_url(written)} is not URL:PATH or URL@REF:PATH")
        if reference_of(reference) is None:
            raise click.UsageError(f"--from-git: {reference} is not namespace/orb@version")
        found[reference] = place
    return found


def _text(found: LockOutcome, check: bool) -> str:
    lines = [f"{reference} {_words(orb)}" for reference, orb in found.new.items()]
    lines += [f"{reference} {_words(orb)}, which is new" for reference, orb in found.changed.items()]
    count = len(found.new) + len(found.changed)
    rest = [f"{len(found.kept)} as before"] if found.kept else []
    rest += [f"{len(found.folder)} in .circleci/orbs/"] if found.folder else []
    verb = "would be locked" if check else "locked"
    return "\n".join([*lines, ", ".join([f"{count} {verb}", *rest]) + "."])


def _words(orb: LockedOrb) -> str:
    return f"is {orb.version}, sha256 {orb.sha256[:12]}, from {orb.place}"


def _data(found: LockOutcome, name: str, *, written: bool) -> dict[str, Any]:
    return {
        "written": written,
        "new": _entries(found.new),
        "changed": _entries(found.changed),
        "kept": list(found.kept),
        "folder": list(found.folder),
        "problems": [data(problem, name) for problem in found.problems],
    }


def _entries(orbs: Mapping[str, LockedOrb]) -> dict[str, dict[str, str]]:
    return {reference: msgspec.to_builtins(orb) for reference, orb in orbs.items()}
