"""What the steps of the story work with: commands that are shown and run, files that are edited, things waited for."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from todoke.cli.demo.cluster import APPLICATION, Body, Cluster
from todoke.cli.demo.processes import Programs
from todoke.cli.demo.summary import Facts
from todoke.cli.demo.telling import Teller
from todoke.delivery.waiting import state_line
from todoke.model.errors import Blocked, Unreachable

_SECONDS = 240.0  # a real cluster may have to pull an image first
_PAUSE = 0.1


class StoryFailed(Blocked):
    """A step did not come to its end."""


class Scene:
    """One cluster, one clone, and somebody who tells."""

    def __init__(self, teller: Teller, programs: Programs, cluster: Cluster, clone: Path, repository: str) -> None:
        self.teller, self._programs, self.cluster = teller, programs, cluster
        self.clone, self.repository = clone, repository

    async def run(self, *words: str, most: int = 8, codes: Sequence[int] = (0,), shown: bool = True) -> str:
        """Run a command before everybody's eyes: what it printed.

        Args: most: how many lines of it are shown. codes: exit codes that are as they should be.
        Raises: StoryFailed: it ended with another one.
        """
        if shown:
            self.teller.command(words)
        async with self.teller.waiting(" ".join(words[:3])) as wait:
            ended = await self._programs.run(words, wait.now)
        text = ended.out + (ended.err if words[0] == "git" else "")  # git talks where others print
        if shown:
            self.teller.output(text, most)
        if ended.code not in codes:
            problem = f"exit code {ended.code}: {(ended.err or ended.out).strip()[-600:]}"
            raise StoryFailed(f"`{' '.join(words)}`", problem)
        return ended.out

    async def scale(self, replicas: int) -> None:
        """`kubectl scale`, by kubectl itself where there is one, else by the request that it makes."""
        words = ("kubectl", "scale", "deployment/web", f"--replicas={replicas}")
        if shutil.which(words[0]):
            try:
                await self.run(*words)
            except StoryFailed as error:
                self.teller.aside(f"kubectl could not: {str(error)[:200]}")
            else:
                return
        self.teller.aside(f"the request that `{' '.join(words)}` makes, sent without it")
        await self.cluster.scale(replicas)

    def edit(self, file: str, before: str, after: str) -> None:
        """Replace a text in a file of the clone."""
        path = self.clone / file
        text = path.read_text()
        if before not in text:
            raise StoryFailed(file, f'"{before}" is not in it')
        path.write_text(text.replace(before, after))
        self.teller.aside(f"in {file}, `{before}` becomes `{after}`")

    async def push(self, message: str) -> str:
        """Commit all changes and push them: the commit."""
        await self.run("git", "commit", "--all", "--message", message)
        await self.run("git", "push")
        return await self.tip()

    async def tip(self) -> str:
        """The clone's newest commit."""
        return (await self.run("git", "rev-parse", "HEAD", shown=False)).strip()

    async def application(self, what: str, true: Callable[[Body], Any]) -> Body:
        """Wait until something is true of the Application: its body then."""
        return await self.until(what, self.cluster.application, true, state_line)

    async def until(
        self,
        what: str,
        look: Callable[[], Awaitable[Body]],
        true: Callable[[Body], Any],
        now: Callable[[Body], str],
    ) -> Body:
        """Wait until something is true of an object; an API server that is away for a while is borne.

        Raises: StoryFailed: it is not so in time; says how it stands.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _SECONDS
        async with self.teller.waiting(f"waiting until {what}") as wait:
            while True:
                try:
                    body = await look()
                    if body and true(body):
                        return body
                    stands = now(body) if body else "not there"
                except Unreachable as error:
                    stands = str(error)
                wait.now(stands)
                if loop.time() > end:
                    raise StoryFailed(APPLICATION, f"not within {_SECONDS:.0f} s: {what}; now: {stands}")
                await asyncio.sleep(_PAUSE)


def sync_of(body: Body) -> tuple[str, str]:
    """An Application's sync status and revision."""
    sync = (body.get("status") or {}).get("sync") or {}
    return sync.get("status", ""), sync.get("revision", "")


def health_of(body: Body) -> tuple[str, str]:
    """An Application's health and what it says of it."""
    health = (body.get("status") or {}).get("health") or {}
    return health.get("status", ""), health.get("message", "")


def operation_of(body: Body) -> Body:
    """The state of an Application's last or present sync."""
    state: Body = (body.get("status") or {}).get("operationState") or {}
    return state


def delivered(body: Body, commit: str = "") -> bool:
    """Whether an Application is Synced, at this commit if one is named, and Healthy, and no sync is running."""
    status, revision = sync_of(body)
    quiet = operation_of(body).get("phase") != "Running" and "operation" not in body
    return status == "Synced" and health_of(body)[0] == "Healthy" and revision == (commit or revision) and quiet


def state_facts(application: Body, deployment: Body) -> Facts:
    """How the service stands, as the cluster tells it."""
    status, revision = sync_of(application)
    live = deployment.get("spec") or {}
    containers = ((live.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return {
        "sync": status,
        "revision": revision,
        "health": health_of(application)[0],
        "image": containers[0].get("image", ""),
        "replicas": live.get("replicas", 0),
        "ready": (deployment.get("status") or {}).get("readyReplicas", 0),
    }
