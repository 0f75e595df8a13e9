"""`todoke app create`."""

import click

from todoke.cli.apps import words
from todoke.cli.apps.spec_flags import spec_fields
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_yaml, out, output_option
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Body, Queries
from todoke.delivery.requests import Requests
from todoke.delivery.wishes import NewApplication, SpecWish


@click.command(
    "create",
    epilog=examples(
        "todoke app create shop --repo https://git.example.com/shop.git --path deploy --dest-namespace shop",
        "todoke app create shop --repo https://git.example.com/shop.git --path deploy --dest-namespace shop "
        "--sync-policy automated --auto-prune --self-heal --sync-option CreateNamespace=true",
        "todoke app create shop --repo https://git.example.com/shop.git --path deploy --dry-run -o yaml",
    ),
)
@click.argument("name")
@spec_fields
@click.option("-l", "--label", "labels", metavar="KEY=VALUE", multiple=True, help="Label of the Application.")
@click.option("--annotation", "annotations", metavar="KEY=VALUE", multiple=True, help="Annotation of it.")
@click.option("--set-finalizer", is_flag=True, help="Its deletion, even by kubectl, takes its objects along.")
@click.option("--dry-run", is_flag=True, help="Print it, make nothing.")
@output_option("name", "json", "yaml")
@connected
def command(
    session: Session,
    name: str,
    wish: SpecWish,
    labels: tuple[str, ...],
    annotations: tuple[str, ...],
    set_finalizer: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Create an application."""
    if not wish.repo_url:
        raise click.UsageError("Missing option '--repo'.")
    marks, notes = _pairs("--label", labels), _pairs("--annotation", annotations)

    async def ask(queries: Queries) -> Body:
        key = queries.key(name)
        new = NewApplication(
            name=key.name,
            namespace=key.namespace,
            spec=wish,
            labels=marks,
            annotations=notes,
            cascade="foreground" if set_finalizer else "none",
        )
        requests = Requests(queries)
        return await (requests.body_of(new) if dry_run else requests.create(new))

    body = session.run(ask)
    if output == "name":
        out(f"{words.reference(body)} created" + (" (dry run)" if dry_run else ""))
    else:
        out(as_json(body) if output == "json" else as_yaml(body))


def _pairs(flag: str, texts: tuple[str, ...]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"{flag} {text}: expected KEY=VALUE")
    return {text.partition("=")[0]: text.partition("=")[2] for text in texts}
