"""`todoke app get`."""

import asyncio

import click

from todoke.cli.apps import words
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_yaml, out, output_option, table
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Body, Queries
from todoke.delivery.waiting import state_line
from todoke.model.sources import shown_url

_PAUSE = 1.0


@click.command(
    "get", epilog=examples("todoke app get shop", "todoke app get shop -o yaml", "todoke app get team-a/shop -w")
)
@click.argument("name")
@click.option("-w", "--watch", is_flag=True, help="Print its state whenever it changes, until interrupted.")
@output_option("table", "wide", "json", "yaml", "name")
@connected
def command(session: Session, name: str, watch: bool, output: str) -> None:
    """Show one application: where it comes from, how it stands, what is wrong with it."""

    async def ask(queries: Queries) -> None:
        body = await queries.get(name)
        out(_text(body, output))
        while watch:
            await asyncio.sleep(_PAUSE)
            before, body = state_line(body), await queries.get(name)
            if state_line(body) != before:
                out(state_line(body))

    session.run(ask)


def _text(body: Body, output: str) -> str:
    if output == "json":
        return as_json(body)
    if output == "yaml":
        return as_yaml(body)
    if output == "name":
        return words.reference(body)
    lines = [f"{label + ':':<13}{text}" for label, text in _facts(body) if text]
    lines += [f"{condition['type']}: {condition['message']}" for condition in words.conditions(body)]
    resources = (body.get("status") or {}).get("resources") or ()
    if output == "wide" and resources:
        rows = [
            (r.get("kind", ""), r.get("namespace", ""), r.get("name", ""), r.get("status", ""), _health(r))
            for r in resources
        ]
        lines += ["", table(("KIND", "NAMESPACE", "NAME", "SYNC", "HEALTH"), rows)]
    return "\n".join(lines)


def _health(resource: Body) -> str:
    return str((resource.get("health") or {}).get("status", ""))


def _facts(body: Body) -> list[tuple[str, str]]:
    status = body.get("status") or {}
    facts = [
        ("Name", f"{body['metadata']['namespace']}/{body['metadata']['name']}"),
        ("Project", (body.get("spec") or {}).get("project") or "default"),
    ]
    for source in words.sources(body):
        facts.append(("Source", f"{shown_url(source.get('repoURL', ''))} {source.get('path', '.')}"))
        facts.append(("Follows", source.get("targetRevision") or "HEAD"))
    health = status.get("health") or {}
    state = status.get("operationState") or {}
    message = f" ({health['message']})" if health.get("message") else ""
    last = f"{state.get('phase')}: {state.get('message', '')}" if state else ""
    return [
        *facts,
        ("Destination", words.destination(body)),
        ("Policy", words.policy_word(body)),
        ("Sync", f"{words.sync_word(body)} {words.revision(status.get('sync') or {})}".rstrip()),
        ("Health", words.health_word(body) + message),
        ("Last sync", f"{last} {state.get('finishedAt', '')}".rstrip() if last else ""),
    ]
