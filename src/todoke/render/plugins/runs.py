"""Runs of plugins: each in a fresh copy of the commit's files, which is gone when the run is over."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from todoke.model.errors import Blocked
from todoke.model.sources import shown_url
from todoke.model.telemetry import Silent, Telemetry
from todoke.model.trees import Tree
from todoke.render.plugins.definition import NETWORK, Plugin
from todoke.render.plugins.environment import masked
from todoke.render.plugins.export import Export, NotExported, remove
from todoke.render.plugins.process import Barriers, Order, Ran, Stopped, barriers_here, run
from todoke.render.worker.outcomes import Limits

log = logging.getLogger(__name__)

_SILENT: Final = Silent()
_MOST_LINES, _MOST_LETTERS = 8, 1000
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")
_OF_NETWORKS: Final = re.compile(r"resolv|network|connect|\bdial\b|\blookup\b|unreachable", re.IGNORECASE)
_OF_A_PERSON: Final = (
    ".aws",
    ".azure",
    ".config/argocd",
    ".config/gcloud",
    ".config/gh",
    ".config/helm",
    ".docker",
    ".git-credentials",
    ".kube",
    ".netrc",
    ".ssh",
    ".vault-token",
)
_OF_A_POD: Final = "/var/run/secrets"
_FILES_OF_LOGINS: Final = (
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "DOCKER_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "KUBECONFIG",
)


class Job(msgspec.Struct, frozen=True):
    """What a plugin works on.

    Attributes: path: the source's folder, from the tree's root. told: its environment. secrets: what no error may say.
        subject: whom errors name.
    """

    tree: Tree
    path: str
    told: Mapping[str, str]
    secrets: tuple[str, ...]
    subject: str


class Step(msgspec.Struct, frozen=True):
    """A command of a plugin, by the field that defines it."""

    field: str
    command: tuple[str, ...]


class Runs:
    """Runs commands, a few at once. Its folder belongs to one process."""

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        telemetry: Telemetry = _SILENT,
        *,
        hidden: Sequence[str] = (),
        barriers: Barriers | None = None,
    ) -> None:
        """Nothing is made yet.

        Args: hidden: files and folders that no plugin may read; the usual places of credentials are hidden anyway.
            barriers: None: all that this system has.
        """
        self._folder, self._limits, self._telemetry = folder.absolute(), limits, telemetry
        private = (str(Path.home() / name) for name in _OF_A_PERSON)
        named = (place for name in _FILES_OF_LOGINS for place in os.environ.get(name, "").split(os.pathsep))
        secret = (*hidden, *named, *private, _OF_A_POD)
        places = (*secret, tempfile.gettempdir(), str(self._folder))
        self._hidden = tuple(str(Path(place).expanduser().absolute()) for place in places if place)
        self._places = asyncio.Semaphore(limits.processes)
        self._barriers, self._started = barriers, False
        self._starting = asyncio.Lock()

    async def start(self) -> Barriers:
        """Take away what an earlier process left, and find out what keeps commands apart here. Can be called again.

        Raises: Blocked: the folder cannot be made, or nothing can be run.
        """
        async with self._starting:
            if self._barriers is None or not self._started:
                try:
                    self._folder = await asyncio.to_thread(_emptied, self._folder)
                    self._barriers = self._barriers or await barriers_here(str(self._folder), self._limits)
                    self._started = True
                except (OSError, Stopped) as error:
                    next_step = "See that the state folder can be written"
                    raise Blocked(f"Plugins in {self._folder}", str(error), next_step=next_step) from error
            return self._barriers

    async def ran(self, plugin: Plugin, steps: Sequence[Step], job: Job) -> tuple[Ran, Step]:
        """Run commands one after another in the source's folder of one copy, up to the first that fails.

        Returns: how the last one ended, and which it was.

        Raises: Blocked: there is no copy, or a command took too much or did not begin.
        """
        barriers = await self.start()
        async with self._places:
            started, outcome = time.perf_counter(), "ended"
            try:
                async with self._copy(plugin, job) as place:
                    ran, step = await self._all(plugin, steps, job, (place, barriers))
                outcome = "failed" if ran.status else "rendered"
                return ran, step
            finally:
                self._telemetry.count("todoke_render_requests_total", engine="plugin", outcome=outcome)
                self._telemetry.observe(
                    "todoke_render_duration_seconds", time.perf_counter() - started, engine="plugin"
                )

    @asynccontextmanager
    async def _copy(self, plugin: Plugin, job: Job) -> AsyncIterator[Path]:
        place = self._folder / secrets.token_hex(8)
        try:
            await self._write(place, plugin, job)
            yield place
        finally:
            try:
                await asyncio.to_thread(remove, place)
            except OSError as error:
                log.warning("a plugin's files are left behind", extra={"folder": str(place), "error": str(error)})

    async def _write(self, place: Path, plugin: Plugin, job: Job) -> None:
        problem = f"its files cannot be given to the plugin {plugin.name}"
        try:
            for folder in (place, place / "home", place / "tmp"):
                folder.mkdir(mode=0o700)
            for _ in Export(job.tree, keep_modes=plugin.keeps_modes).write(place / "tree"):
                await asyncio.sleep(0)
        except NotExported as error:
            next_step = "Remove it from the repository"
            raise Blocked(job.subject, f"{problem}: {error}", next_step=next_step) from error
        except OSError as error:
            next_step = "See that the state folder can be written and has room"
            raise Blocked(job.subject, f"{problem}: {error.strerror}", next_step=next_step) from error

    async def _all(
        self, plugin: Plugin, steps: Sequence[Step], job: Job, where: tuple[Path, Barriers]
    ) -> tuple[Ran, Step]:
        place, barriers = where
        path = os.environ.get("PATH", os.defpath)
        environ = {"PATH": path, "HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), **job.told}
        ran, step = Ran(0, b"", ""), steps[0]
        try:
            async with asyncio.timeout(self._limits.seconds):
                for step in steps:
                    folder = str(place / "tree" / job.path)
                    order = Order(step.command, folder, str(place), environ, plugin.network, self._hidden)
                    ran = await run(order, self._limits, barriers)
                    ran = msgspec.structs.replace(ran, errors=_told(ran.errors, place, job))
                    if ran.status:
                        break
        except TimeoutError:
            problem = f"took longer than {self._limits.seconds:g} s and was ended"
            raise refused(plugin, step, job, problem, "Raise --render-seconds, or let it do less") from None
        except Stopped as error:
            raise refused(plugin, step, job, str(error).replace(f"{place}/", ""), error.next_step) from error
        return ran, step


def refused(plugin: Plugin, step: Step, job: Job, problem: str, next_step: str = "") -> Blocked:
    """The error that says what became of a step."""
    return Blocked(job.subject, f"plugin {plugin.name}: {step.field} {problem}", next_step=next_step)


def failure(plugin: Plugin, step: Step, job: Job, ran: Ran) -> Blocked:
    """The error that says how a command failed, in its own last words."""
    how = f"status {ran.status}" if ran.status >= 0 else f"signal {-ran.status}"
    said = f" and said: {ran.errors}" if ran.errors else " and said nothing"
    cut_off = not plugin.network and _OF_NETWORKS.search(ran.errors)
    next_step = f'It has no network unless its plugin.yaml has the annotation {NETWORK}: "true"' if cut_off else ""
    return refused(plugin, step, job, f"ended with {how}{said}", next_step)


def _told(text: str, place: Path, job: Job) -> str:
    """The last words of a command without secrets, and without the folder of this one run."""
    text = masked(text.replace(f"{place}/tree/", "").replace(f"{place}/", ""), job.secrets)
    lines = [line for raw in text.splitlines() if (line := _UNPRINTABLE.sub(" ", shown_url(raw)).strip())]
    return "\n".join(lines[-_MOST_LINES:])[-_MOST_LETTERS:]


def _emptied(folder: Path) -> Path:
    """A folder made anew; gives where it really is."""
    remove(folder)
    folder.mkdir(mode=0o700, parents=True)
    return folder.resolve()
