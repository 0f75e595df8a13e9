"""`todoke demo`."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import click

from todoke.cli import asking
from todoke.cli.lazy import examples
from todoke.cli.output import out, say
from todoke.cli.session import Doors

if TYPE_CHECKING:
    from todoke.cli.demo.cast import Cast
    from todoke.cli.demo.pens import Pen
    from todoke.cli.demo.stage import RealCluster
    from todoke.cli.demo.summary import Summary

_WIDTH, _HEIGHT = 110, 32  # of a recording
_BY_SIGNAL = 128  # what shells add to the number of the signal that ended a program


@click.command(
    "demo",
    epilog=examples(
        "todoke demo",
        "todoke demo --exit",
        "todoke demo --exit -o json",
        "todoke demo --kubeconfig ~/.kube/config --context kind-kind",
        "todoke demo --exit --record docs/demo.cast",
    ),
)
@click.option("--exit", "exits", is_flag=True, help="End after the story; the last line is a JSON summary.")
@click.option("--kubeconfig", default="", metavar="FILE", help="Play it on this cluster. [default: one of its own]")
@click.option("--context", default="", metavar="NAME", help="Context of that kubeconfig. [default: its current one]")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before something is made on that cluster.")
@click.option("--record", default="", metavar="FILE", help="Write a terminal recording (asciicast v2).")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["story", "json"]),
    default="story",
    show_default=True,
    help="json: print the summary alone and tell the story on stderr; ends after it.",
)
@click.pass_obj
def command(doors: Doors, exits: bool, kubeconfig: str, context: str, yes: bool, record: str, output: str) -> None:
    """Play a service's whole story: registered, delivered, released, edited, healed, broken, undone, guarded.

    It brings a cluster and a Git server of its own, in this process; nothing of yours is read or written. Every
    command that it shows is run. Then it stays up for you to try things, until Ctrl-C takes all of it away.
    """
    from todoke.cli.demo.stage import real_cluster

    if context and not kubeconfig:
        raise click.UsageError("--context names a context of --kubeconfig FILE, which is missing.")
    if not shutil.which("git"):
        raise click.ClickException("the program git is not installed: the story is told in commits.")
    real = real_cluster(kubeconfig, context) if kubeconfig else None
    namespace = f"todoke-demo-{secrets.token_hex(3)}" if real is not None else "todoke-demo"
    if real is not None:
        _agreed(real, namespace, yes=yes)
    with ExitStack() as stack:
        cast = stack.enter_context(_recording(Path(record))) if record else None
        how = How(doors, real, namespace, exits or output == "json", err=output == "json")
        code, summary = asyncio.run(_main(how, cast))
    if summary is not None and how.exits:
        out(summary.line())
    click.get_current_context().exit(code)


class How(NamedTuple):
    """What was asked for."""

    doors: Doors
    real: RealCluster | None
    namespace: str
    exits: bool
    err: bool  # the story goes to stderr


def _agreed(real: RealCluster, namespace: str, *, yes: bool) -> None:
    """Say what will be made on a real cluster, and ask. Nothing has been sent to it yet.

    Raises: click.exceptions.Exit: 1, when the answer is no or nobody can answer.
    """
    for label, text in (
        ("context", f"{real.chosen.context}, {real.chosen.server}"),
        ("namespace", f"{namespace} is made, and removed at the end with all that is in it"),
        ("kinds", "of argoproj.io and demo.todoke.dev are defined where they are missing, and removed again"),
        ("Pods", "2 to 7 of the image registry.k8s.io/pause, which does nothing"),
        ("rights", "those of your kubeconfig; the controller runs on this machine"),
    ):
        say(f"  {label:<11} {text}")
    if yes:
        return
    if not asking.interactive():
        say("error: this would change a real cluster. Nobody can be asked here: look at it first, then add --yes")
        raise click.exceptions.Exit(1)
    if not click.confirm("Play the story on this cluster?", err=True):
        say("Nothing was done.")
        raise click.exceptions.Exit(1)


def _recording(path: Path) -> Cast:
    from todoke.cli.demo.cast import Cast

    try:
        return Cast(path, _WIDTH, _HEIGHT)
    except OSError as error:
        raise click.UsageError(f"--record {path}: {error.strerror}") from error


async def _main(how: How, cast: Cast | None) -> tuple[int, Summary | None]:
    """Play until the end or a signal: the exit code, and the summary when the story came to an end."""
    from todoke.cli.demo.pens import Pen
    from todoke.cli.demo.play import Play, Wish
    from todoke.cli.demo.telling import Teller

    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def ends(number: int) -> None:
        if stop.done():
            teller.aside("it is ending already; what it made is taken away first")
        else:
            stop.set_result(number)

    pens = [_pen(sys.stderr if how.err else sys.stdout, lambda: ends(signal.SIGPIPE))]
    if cast is not None:
        pens.append(Pen(cast.write, moving=True, coloured=True, width=_WIDTH))
    teller = Teller(pens)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ends, number)

    def told() -> None:
        teller.keep(pens[:1])
        if cast is not None:
            cast.keep()

    play = Play(Wish(how.doors, teller, how.real, how.namespace, not how.exits, told))
    task = asyncio.create_task(play.run())
    waiting: set[asyncio.Future[Any]] = {task, stop}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        teller.ending()
        task.cancel()
        await asyncio.wait({task})
    if task.cancelled():
        teller.aside("ended; nothing that it started is left" if play.clean else "ended")
        return (0 if play.over else _BY_SIGNAL + stop.result()), None
    summary = task.result()
    return (0 if summary.result == "ok" else 1), summary


def _pen(stream: TextIO, lost: Callable[[], None]) -> Pen:
    """A pen for one of our streams; when nobody reads it any more the story ends."""
    from todoke.cli.demo.pens import Pen

    def write(text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            lost()

    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    moving = stream.isatty() and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((100, 24)).columns if moving else 100
    return Pen(write, moving=moving, coloured=moving and not os.environ.get("NO_COLOR"), width=width)
