"""What the story is played on: the embedded cluster, or a real one that somebody has named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from todoke.cli.demo.kubeconfig import Chosen, choose
from todoke.cli.demo.workspace import Workspace


class Stage(NamedTuple):
    """One cluster, the same to the story whichever it is."""

    words: str  # what a person is told of it
    kubeconfig: Path
    chosen: Chosen
    real: bool  # what is made there has to be removed again


class RealCluster(NamedTuple):
    """A cluster that somebody has named, read from a kubeconfig and not yet spoken to."""

    kubeconfig: Path
    chosen: Chosen


def real_cluster(kubeconfig: str, context: str) -> RealCluster:
    """The cluster of a kubeconfig's context. Raises: Blocked: the file does not hold it."""
    from todoke.model.errors import Blocked

    path = Path(kubeconfig).expanduser().absolute()
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or "it is no text"
        raise Blocked(f"kubeconfig {path}", problem, next_step="Name another with --kubeconfig") from error
    return RealCluster(path, choose(str(path), text, context))


@asynccontextmanager
async def staged(workspace: Workspace, real: RealCluster | None) -> AsyncIterator[Stage]:
    """The cluster: a real one as it is, or the embedded one for as long as the block runs."""
    if real is not None:
        yield Stage(f"{real.chosen.context}, {real.chosen.server}", real.kubeconfig, real.chosen, real=True)
        return
    from todoke_sandbox.sandbox import Sandbox

    async with Sandbox() as cluster:
        path = workspace.write_private("cluster.kubeconfig", cluster.kubeconfig)
        chosen = choose(str(path), cluster.kubeconfig, "")
        words = f"embedded in this process: a Kubernetes API at {cluster.url}, and nothing of yours"
        yield Stage(words, path, chosen, real=False)
