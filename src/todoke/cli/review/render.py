"""`todoke render`."""

import asyncio
from pathlib import Path
from typing import Any

import click

from todoke.cli.lazy import examples
from todoke.cli.output import as_json, as_list, out, output_option, say
from todoke.cli.review.hunks import lines
from todoke.cli.session import Doors, settings_from
from todoke.review.local import LocalWish


@click.command(
    "render",
    epilog=examples(
        "todoke render deploy/shop",
        "todoke render charts/shop --name shop -n shop --values values/production.yaml --set image.tag=3.10",
        "todoke render apps/shop.yaml",
        "todoke render overlays/production | kubectl diff -f -",
    ),
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default="", help="The application's name, a chart's release. [default: the folder's]")
@click.option("-n", "--namespace", default="", help="Where it goes.")
@click.option(
    "--values", "value_files", multiple=True, metavar="FILE", help="A value file of a chart, from PATH. (many)"
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A value of a chart. (many)")
@click.option("--offline", is_flag=True, help="Fetch nothing.")
@click.option(
    "--kustomize-options", metavar="OPTIONS", help="As of `kustomize build`. [default: $TODOKE_KUSTOMIZE_OPTIONS]"
)
@click.option("--kube-version", default="", metavar="VERSION", help="What charts are told of the cluster.")
@click.option("--api-versions", multiple=True, metavar="GROUP/VERSION", help="What charts are told it serves. (many)")
@click.option(
    "--plugins-folder", metavar="FOLDER", help="Plugins that are run here. [default: $TODOKE_PLUGINS_FOLDER or none]"
)
@output_option("yaml", "json", "name")
@click.pass_context
def command(context: click.Context, /, path: Path, output: str, **wanted: Any) -> None:
    """Print the manifests of a folder, or of the Applications in a file, as todoke would deliver them.

    Finds out whether it is a kustomization, a chart or plain manifests, as Argo CD does. Of this machine nothing
    outside of the Git repository around PATH is read, or of PATH itself where there is none. Remote bases, charts and
    value files that it names elsewhere are fetched without a login. Values of Secrets are printed.
    """
    doors: Doors = context.find_root().obj
    flags = {name: wanted.pop(name) for name in ("plugins_folder", "kustomize_options")}

    async def ask() -> tuple[list[dict[str, Any]], list[str]]:
        async with doors.local(settings_from(doors, flags), path) as (local, inside):
            return await local.render(LocalWish(inside, **wanted))

    bodies, warnings = asyncio.run(ask())
    for warning in warnings:
        say(f"warning: {warning}")
    if output == "name":
        for body in bodies:
            out(f"{body['kind'].lower()}/{body['metadata']['name']}")
    elif output == "json":
        out(as_json(as_list(bodies)))
    elif bodies:
        out("\n---\n".join("\n".join(lines(body)) for body in bodies))
