"""`todoke diff`."""

import asyncio
import time
from pathlib import Path

import click

from todoke.cli.app import EXIT_CODE
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option
from todoke.cli.review import reports
from todoke.cli.review.meter import Meter
from todoke.cli.session import Doors, settings_from
from todoke.model.reviews import Review
from todoke.review.walk import Wish

_DIFFERS, _FAILED = 1, 2


@click.command(
    "diff",
    epilog=examples(
        "todoke diff --base main",
        "todoke diff --base main --head my-branch",
        "todoke diff --base origin/main --head HEAD -o markdown > comment.md",
        "todoke diff --base v1.2 --exact apps/shop",
        "todoke diff --base main --kubeconfig ~/.kube/config",
    ),
)
@click.option("--base", default="main", metavar="REF", show_default=True, help="What it is compared with.")
@click.option("--head", default="", metavar="REF", help="What would be merged. [default: the working copy]")
@click.option("--exact", is_flag=True, help="Compare with the base as it is now, not with where the head left it.")
@click.option(
    "--repo-url", "repo_urls", multiple=True, metavar="URL", help="A URL of this repository beside its remotes'. (many)"
)
@click.option("--offline", is_flag=True, help="Fetch nothing: no charts, remote bases or value files from elsewhere.")
@click.option(
    "--kustomize-options", metavar="OPTIONS", help="As of `kustomize build`. [default: $TODOKE_KUSTOMIZE_OPTIONS]"
)
@click.option("--kube-version", default="", metavar="VERSION", help="What charts are told of the cluster.")
@click.option("--api-versions", multiple=True, metavar="GROUP/VERSION", help="What charts are told it serves. (many)")
@click.option("--kubeconfig", metavar="FILE", help="Compare with the cluster of this kubeconfig too.")
@click.option("--context", "cluster", metavar="NAME", help="Compare with the cluster of this context too.")
@click.option("-n", "--namespace", metavar="NAME", help="Control namespace of the todoke there. [default: todoke]")
@click.option("--installation", metavar="NAME", help="Name of the installation there, when it has one.")
@click.option(
    "--plugins-folder", metavar="FOLDER", help="Plugins that are run here. [default: $TODOKE_PLUGINS_FOLDER or none]"
)
@click.option(
    "--limit", default=reports.LARGEST_COMMENT, show_default=True, metavar="LETTERS", help="Longest markdown text."
)
@output_option("text", "markdown", "json")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.pass_context
def command(
    context: click.Context,
    /,
    base: str,
    head: str,
    exact: bool,
    repo_urls: tuple[str, ...],
    offline: bool,
    kube_version: str,
    api_versions: tuple[str, ...],
    cluster: str | None,
    limit: int,
    output: str,
    paths: tuple[Path, ...],
    **flags: str | None,
) -> None:
    """Show what a branch would change in every application, before it is merged, without a cluster.

    Finds the Applications, ApplicationSets and kustomizations of the repository around the current folder, renders
    both sides, and compares object by object. Charts, remote bases and value files that they name elsewhere are fetched
    without a login and kept, and nothing else. PATHS narrow it to what is defined or rendered there. Values of Secrets
    are masked. Exit codes: 0 nothing changes, 1 something does, 2 failed.

    With --kubeconfig or --context the cluster is asked as well, with your own rights and without any write: what
    merging would really change there, and what is not as Git says already.
    """
    asked = flags["kubeconfig"] is not None or cluster is not None
    if not asked and (flags["namespace"] or flags["installation"]):
        raise click.UsageError("--namespace and --installation mean something with --kubeconfig or --context only")
    context.meta[EXIT_CODE] = _FAILED
    doors: Doors = context.find_root().obj
    settings = settings_from(doors, {**flags, "context": cluster})

    async def ask() -> Review:
        async with doors.reviewer(settings, Path.cwd(), asked) as reviewer:
            inside = tuple(reviewer.path(path) for path in paths)
            wish = Wish(base, head, inside, exact, repo_urls, kube_version, api_versions, offline)
            with Meter("rendering", time.monotonic) as meter:
                return await reviewer.review(wish, meter.tell)

    review = asyncio.run(ask())
    if output == "json":
        out(as_json(reports.data(review)))
    else:
        out(reports.text(review) if output == "text" else reports.markdown(review, limit).rstrip("\n"))
    if any(problem.startswith("head: ") for unit in review.failed for problem in unit.problems):
        context.exit(_FAILED)
    if review.differs:
        context.exit(_DIFFERS)
