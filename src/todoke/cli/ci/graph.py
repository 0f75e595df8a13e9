"""`todoke ci graph`."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from todoke.ci.continuing import Continued
from todoke.ci.workbench import JobVerdict, WorkflowVerdict
from todoke.cli.ci.following import following, headline
from todoke.cli.ci.reading import Configuration, changes_options, reading
from todoke.cli.ci.telling import tell
from todoke.cli.lazy import examples
from todoke.cli.output import as_json, out, output_option, style

Following = Sequence[tuple[Continued, Sequence[WorkflowVerdict]]]
"""What follows a setup, each with the workflows of it."""


@click.command(
    "graph",
    epilog=examples(
        "todoke ci graph",
        "todoke ci graph --branch main",
        "todoke ci graph --tag v1.2.3 -o mermaid",
        "todoke ci graph --changed src/api/main.py --changed README.md",
    ),
)
@output_option("text", "mermaid", "json")
@changes_options
@reading
def command(configuration: Configuration, output: str) -> None:
    """Show the workflows: which jobs would run for a branch or a tag, after which, and why the others would not.

    For a setup configuration --changed and --changed-since show what follows it, and why. Exit codes: 0 done, 1 the
    configuration or what follows it is not valid, 2 it cannot be read.
    """
    context = click.get_current_context()
    found = configuration.workbench.compiled(configuration.text, configuration.wish)
    if found.pipeline is None:
        tell(found.errors, configuration.name, configuration.text)
        context.exit(1)
    judge = configuration.workbench.workflows
    workflows = judge(found, configuration.wish)
    more = [
        (one, judge(one.compiled, configuration.wish) if one.compiled else ())
        for one in following(configuration, found)
    ]
    if output == "json":
        data: dict[str, Any] = {"workflows": [workflow.data() for workflow in workflows]}
        if found.pipeline.setup:
            data["continuations"] = [
                one.data() | {"workflows": [workflow.data() for workflow in later]} for one, later in more
            ]
        out(as_json(data))
    elif output == "mermaid":
        out("\n".join(_mermaid(workflows, more)))
    else:
        unknown = ["what follows is decided while the setup runs"] if found.pipeline.setup and not more else []
        out("\n\n".join([*_parts(workflows, more), *unknown]))
    if any(one.is_wrong for one, _ in more):
        context.exit(1)


def _parts(workflows: Sequence[WorkflowVerdict], more: Following) -> Iterator[str]:
    """The workflows one after the other, and what follows a setup below it."""
    yield from ("\n".join(_text(workflow.name, workflow.jobs)) for workflow in workflows)
    for one, later in more:
        nothing = [] if one.compiled is None or later else ["  no workflow of it runs"]
        yield "\n".join([*headline(one), *nothing])
        yield from ("\n".join(_text(workflow.name, workflow.jobs)) for workflow in later)


def _text(name: str, jobs: tuple[JobVerdict, ...]) -> Iterator[str]:
    yield style(name, "cyan")
    width = max((len(each.job.name) for each in jobs), default=0)
    for each in jobs:
        kind = "" if each.job.kind == "build" else f" ({each.job.kind})"
        if each.runs:
            after = f"  after {', '.join(each.after)}" if each.after else ""
            yield f"  {style('runs', 'green')}  {each.job.name.ljust(width)}{kind}{after}".rstrip()
        else:
            yield f"  {style('no', 'yellow')}    {each.job.name.ljust(width)}{kind}  {each.reason}"


def _mermaid(workflows: Sequence[WorkflowVerdict], more: Following) -> Iterator[str]:
    yield "flowchart LR"
    first = {each.job.name: f"w{w}j{j}" for w, one in enumerate(workflows) for j, each in enumerate(one.jobs)}
    everything = [*workflows, *(workflow for _, later in more for workflow in later)]
    for number, (name, jobs) in enumerate((workflow.name, workflow.jobs) for workflow in everything):
        ids = {each.job.name: f"w{number}j{position}" for position, each in enumerate(jobs)}
        yield f'  subgraph w{number}["{_quoted(name)}"]'
        for each in jobs:
            shape = ("{{", "}}") if each.job.kind == "approval" else ("[", "]")
            skipped = "" if each.runs else ":::skipped"
            yield f'    {ids[each.job.name]}{shape[0]}"{_quoted(each.job.name)}"{shape[1]}{skipped}'
        for each in jobs:
            for requirement in each.job.requires:
                if requirement.job in ids:
                    statuses = "" if requirement.statuses == ("success",) else f"|{', '.join(requirement.statuses)}|"
                    yield f"    {ids[requirement.job]} -->{statuses} {ids[each.job.name]}"
        yield "  end"
    number = len(workflows)
    for one, later in more:
        yield from (f"  {first[one.job]} -. continues .-> w{each}" for each in range(number, number + len(later)))
        number += len(later)
    yield "  classDef skipped stroke-dasharray: 4 4,opacity:0.5"


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
