"""`todoke app list`."""

import asyncio

import click

from todoke.cli.apps import words
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_list, as_yaml, out, output_option, say, table
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Body, Listing, Queries
from todoke.model.sources import shown_url

_PAUSE = 2.0


@click.command(
    "list",
    epilog=examples(
        "todoke app list",
        "todoke app list -A -o wide",
        "todoke app list -l team=shop -o name",
        "todoke app list -w",
    ),
)
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="In all namespaces.")
@click.option("-l", "--selector", default="", metavar="LABELS", help="Such as team=shop,tier=web.")
@click.option("-p", "--project", default="", metavar="NAME", help="Only of this project.")
@click.option("-r", "--repo", default="", metavar="URL", help="Only of this repository.")
@click.option("-w", "--watch", is_flag=True, help="Print those that change, until interrupted.")
@output_option("table", "wide", "json", "yaml", "name")
@connected
def command(
    session: Session, everywhere: bool, selector: str, project: str, repo: str, watch: bool, output: str
) -> None:
    """List applications."""
    listing = Listing(everywhere, selector, project, repo)

    async def ask(queries: Queries) -> None:
        found = await queries.list_applications(listing)
        if found or output in ("json", "yaml"):
            out(_text(found, output))
        else:
            say(
                "No applications here."
                if everywhere
                else f"No applications in the namespace {queries.house.namespace}."
            )
        while watch:
            await asyncio.sleep(_PAUSE)
            known, found = {_row(body, True) for body in found}, await queries.list_applications(listing)
            if changed := [body for body in found if _row(body, True) not in known]:
                out(_text(changed, output))

    session.run(ask)


def _text(found: list[Body], output: str) -> str:
    if output == "json":
        return as_json(as_list(found))
    if output == "yaml":
        return as_yaml(as_list(found))
    if output == "name":
        return "\n".join(words.reference(body) for body in found)
    wide = output == "wide"
    headers = ("NAMESPACE", "NAME", "SYNC", "HEALTH", "REVISION", "POLICY", "PROJECT")
    return table(headers + (("REPOSITORY", "PATH", "DESTINATION") if wide else ()), [_row(b, wide) for b in found])


def _row(body: Body, wide: bool) -> tuple[str, ...]:
    meta, spec = body["metadata"], body.get("spec") or {}
    row = (
        meta["namespace"],
        meta["name"],
        words.sync_word(body),
        words.health_word(body),
        words.revision((body.get("status") or {}).get("sync") or {}),
        words.policy_word(body),
        spec.get("project") or "default",
    )
    if not wide:
        return row
    urls = ",".join(shown_url(source.get("repoURL", "")) for source in words.sources(body))
    paths = ",".join(str(source.get("path", ".")) for source in words.sources(body))
    return (*row, urls, paths, words.destination(body))
