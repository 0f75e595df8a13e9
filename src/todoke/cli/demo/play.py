"""Sets the stage, plays the story, takes everything away again."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from todoke.cli.demo.cluster import Cluster
from todoke.cli.demo.kubeconfig import CONTEXT
from todoke.cli.demo.manifests import FOLDER, certificate_definition, manifests
from todoke.cli.demo.processes import Programs, controller, controller_ended
from todoke.cli.demo.scene import Scene
from todoke.cli.demo.stage import RealCluster, Stage, staged
from todoke.cli.demo.story import STORY
from todoke.cli.demo.summary import Summary, Told
from todoke.cli.demo.telling import Teller
from todoke.cli.demo.workspace import READER, WRITER, Workspace, environment, workspace
from todoke.cli.session import Doors, settings_from
from todoke.model.crd import custom_resource_definitions
from todoke.model.errors import Blocked, DeliveryError
from todoke_sandbox.git.server import GitServer

_REPOSITORY, _BRANCH = "manifests.git", "main"


class Wish(NamedTuple):
    """How the story is played."""

    doors: Doors
    teller: Teller
    real: RealCluster | None
    namespace: str
    stays: bool  # go on after the story, until interrupted
    told: Callable[[], None]  # called when the story has been told


class Play:
    """One performance.

    Attributes:
        over: the story has been told to its end.
        clean: nothing that was made on a real cluster is left there.
    """

    def __init__(self, wish: Wish) -> None:
        self.over, self.clean = False, True
        self._wish, self._teller = wish, wish.teller
        self._told: list[Told] = []
        self._step = "set-up"
        self._began = time.monotonic()

    async def run(self) -> Summary:
        """Play all of it, and take everything away again: the summary.

        A failure is told and stands in the summary; the controller's log is kept then.
        """
        with workspace() as folder:
            try:
                async with AsyncExitStack() as stack:
                    scene, gone, env = await self._set_up(stack, folder)
                    await _unless(gone, folder, self._tell(scene))
                    self.over, summary = True, self._summary("ok")
                    self._wish.told()
                    if self._wish.stays:
                        self._invite(env)
                        await _unless(gone, folder, asyncio.Event().wait())
            except Exception as error:
                kept, inner = folder.keep_log(), _innermost(error)
                known = isinstance(inner, DeliveryError | OSError)
                self._teller.failed(str(inner) if known else f"a bug in todoke: {inner!r}")
                if kept:
                    self._teller.say(f"The controller's log is in {kept}")
                if not known:
                    raise
                summary = self._summary("failed", self._step, str(inner))
            return summary

    def _summary(self, result: str, failed: str = "", error: str = "") -> Summary:
        seconds = round(time.monotonic() - self._began, 1)
        real = self._wish.real
        words = "embedded" if real is None else real.chosen.context
        return Summary(result, words, self._wish.namespace, seconds, tuple(self._told), failed=failed, error=error)

    async def _set_up(self, stack: AsyncExitStack, folder: Workspace) -> tuple[Scene, asyncio.Task[int], str]:
        teller, namespace = self._teller, self._wish.namespace
        teller.title("todoke demo: a commit becomes a healthy service, and back")
        async with teller.waiting("the cluster starts"):
            stage = await stack.enter_async_context(staged(folder, self._wish.real))
        variables = folder.use(stage.kubeconfig, stage.chosen, namespace)
        flags = {"kubeconfig": variables["KUBECONFIG"], "context": CONTEXT, "namespace": namespace}
        settings = settings_from(self._wish.doors, flags)
        api = await stack.enter_async_context(self._wish.doors.api(settings))
        cluster = Cluster(api, namespace)
        teller.fact("cluster", stage.words)
        teller.fact("namespace", namespace)
        await stack.enter_async_context(self._prepared(cluster, stage))
        server = GitServer(
            folder.folder / "git", folder.users, {READER}, protected={_BRANCH: {WRITER}}, log=teller.aside
        )
        stack.enter_context(server)
        url = server.url(_REPOSITORY)
        server.create(_REPOSITORY, _BRANCH)
        programs = Programs(folder.folder, environment(variables))
        ingress = not stage.real or await cluster.gives_addresses()
        async with teller.waiting("the manifests are pushed"):
            files = await _seed(folder, programs, url, ingress=ingress)
        teller.fact("repository", f"{url}, with {files} manifests in the folder {FOLDER}")
        for kind, user in (("repository", READER), ("repository-write", WRITER)):
            await cluster.make_credentials(kind, url, user, folder.users[user])
        async with teller.waiting("the controller starts"):
            gone = await stack.enter_async_context(controller(folder.folder, environment(variables), folder.log))
        teller.fact("controller", "todoke serve, which asks the repository every second for news")
        env = folder.write_env(variables)
        in_clone = Programs(folder.clone, environment(variables))
        return Scene(teller, in_clone, cluster, folder.clone, url), gone, str(env)

    async def _tell(self, scene: Scene) -> None:
        for number, step in enumerate(STORY, 1):
            began, self._step = time.monotonic(), step.name
            self._teller.step(number, len(STORY), step.title, step.sentence)
            said, facts = await step.play(scene)
            seconds = time.monotonic() - began
            self._teller.outcome(said, seconds)
            self._told.append(Told(step.name, round(seconds, 2), facts))

    @asynccontextmanager
    async def _prepared(self, cluster: Cluster, stage: Stage) -> AsyncIterator[None]:
        """The namespace and the definitions of kinds; from a real cluster they are taken away again."""
        definitions = [*custom_resource_definitions(), certificate_definition()]
        try:
            async with self._teller.waiting("the cluster takes its definitions"):
                await cluster.make_namespace()
                await cluster.make_definitions(definitions)
            yield
        finally:
            if stage.real:
                self.clean = await _take_away(cluster, [body["metadata"]["name"] for body in definitions], self._teller)

    def _invite(self, env: str) -> None:
        teller = self._teller
        teller.blank()
        teller.say(
            "It stays up until you press Ctrl-C. In another terminal, this line points kubectl, git and todoke at it:"
        )
        teller.blank()
        teller.copy(f". {env}")
        teller.blank()
        for text in _TO_TRY:
            teller.aside(text)


_TO_TRY = (
    f'Edit {FOLDER}/web.yaml, `git commit -am "My release"`, `git push`: two seconds later `todoke app get shop` '
    "shows your commit, delivered.",
    "`kubectl edit deployment web`, and change the image: it is back before you have looked.",
    "`todoke app rollback shop --push`: your last release is taken back by a commit. `todoke app history shop` "
    "lists them all.",
)


def _innermost(error: BaseException) -> BaseException:
    """The first error inside nested groups: the embedded cluster runs as a group of tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _unless(gone: asyncio.Task[int], folder: Workspace, work: Awaitable[object]) -> None:
    """Do something as long as the controller runs. Raises: Unreachable: it ended."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({gone, task}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise controller_ended(gone, folder.log)
        await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DeliveryError):
            await task


async def _take_away(cluster: Cluster, definitions: list[str], teller: Teller) -> bool:
    """Remove what was made: whether nothing is left. What could not be removed is told, with what to do."""
    teller.blank()
    try:
        async with teller.waiting(f"the namespace {cluster.namespace} is removed, with all that is in it"):
            gone = await cluster.remove_namespace()
            kept = await cluster.remove_definitions(definitions)
    except DeliveryError as error:
        teller.failed(f"{error}. Remove it by hand: kubectl delete namespace {cluster.namespace}")
        return False
    state = "is removed" if gone else "is still being deleted by the cluster"
    teller.aside(f"the namespace {cluster.namespace} {state}")
    if kept:
        teller.aside(f"definitions that stay, because somebody uses them by now: {', '.join(kept)}")
    return gone


async def _seed(folder: Workspace, programs: Programs, url: str, *, ingress: bool) -> int:
    """Make the clone and push the first manifests: how many."""
    files = manifests(ingress=ingress)
    folder.clone.mkdir()
    here = ("git", "-C", str(folder.clone))
    await _git(programs, *here, "init", "--quiet", f"--initial-branch={_BRANCH}", "--template=")
    for key, value in folder.git_settings(url):
        await _git(programs, *here, "config", "--add", key, value)
    for name, text in files.items():
        path = folder.clone / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    await _git(programs, *here, "add", "--all")
    await _git(programs, *here, "commit", "--quiet", "--message", "The shop")
    await _git(programs, *here, "remote", "add", "origin", url)
    await _git(programs, *here, "push", "--quiet", "--set-upstream", "origin", _BRANCH)
    return len(files)


async def _git(programs: Programs, *words: str) -> None:
    ended = await programs.run(words, lambda line: None)
    if ended.code:
        raise Blocked(f"`{' '.join(words)}`", f"exit code {ended.code}: {ended.err.strip()}")
