"""Which plugin renders a source, and what it makes of it. Source of the rules: Argo CD v3.5, util/app/discovery."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from todoke.model.errors import Blocked
from todoke.model.globs import alternatives, path_match, steps_match
from todoke.model.renderings import RenderContext
from todoke.model.trees import Found, Tree
from todoke.render.listing import folder_of
from todoke.render.plugins.definition import Plugin
from todoke.render.plugins.environment import environment, secrets_of
from todoke.render.plugins.folder import read_plugins
from todoke.render.plugins.runs import Job, Runs, Step, failure
from todoke.render.reader import Reader, variables

log = logging.getLogger(__name__)

_FIELD: Final = "spec.source.plugin"
_MOST_NAMES: Final = 50_000


class Plugins:
    """The plugins of an installation, none by default."""

    def __init__(self, plugins: Sequence[Plugin] = (), runs: Runs | None = None) -> None:
        """Args: runs: what runs them."""
        self._plugins, self._runs = {plugin.name: plugin for plugin in plugins}, runs
        told = "\n".join(f"{plugin.name} {plugin.digest}" for plugin in plugins)
        self.digest = hashlib.sha256(told.encode()).hexdigest() if plugins else ""

    @classmethod
    async def opened(cls, folder: str, runs: Runs) -> Self:
        """The plugins that a folder defines, ready to run; none where the folder is "".

        What keeps them apart from everything else is logged, because it is not the same on every system.
        Raises: Blocked: a definition is wrong, or nothing can be run.
        """
        if not folder:
            return cls()
        plugins = read_plugins(Path(folder))
        barriers = await runs.start()
        log.info("plugins", extra={"names": ",".join(plugin.name for plugin in plugins), **barriers.told()})
        return cls(plugins, runs)

    async def chosen(self, reader: Reader, context: RenderContext) -> Plugin | None:
        """The plugin that a source names, or that says the source's folder is its own; None: it is not for plugins.

        Raises: Blocked: the source asks for a plugin and there is no such, or a plugin cannot be asked.
        """
        wanted = reader.checkout.spec.plugin
        if wanted is None:
            return await self._discovered(reader, context)
        if not wanted.name:
            found = await self._discovered(reader, context)
            problem, field = "no plugin says that this folder is its own", _FIELD
        else:
            found = self._plugins.get(wanted.name)
            problem, field = f"there is no plugin {wanted.name}", f"{_FIELD}.name"
            if found is not None and found.discovers and not await self._matches(found, reader, context):
                found, problem = None, f"the plugin {wanted.name} says that this folder is not its own"
        if found is None:
            raise Blocked(reader.subject, f"{problem} ({self._there_are()})", field=field, next_step=self._remedy())
        return found

    async def output(self, plugin: Plugin, reader: Reader, context: RenderContext) -> bytes:
        """What a plugin prints for a source. Raises: Blocked: it fails, or takes too much."""
        steps = [Step("init", plugin.init)] if plugin.init else []
        steps.append(Step("generate", plugin.generate))
        runs, job = self._ready(reader, context)
        ran, step = await runs.ran(plugin, steps, job)
        if ran.status:
            raise failure(plugin, step, job, ran)
        return ran.output

    async def _discovered(self, reader: Reader, context: RenderContext) -> Plugin | None:
        for plugin in self._plugins.values():
            if plugin.discovers and await self._matches(plugin, reader, context):
                return plugin
        return None

    async def _matches(self, plugin: Plugin, reader: Reader, context: RenderContext) -> bool:
        """Whether a folder is a plugin's own. Of several rules the first counts, as in Argo CD."""
        if plugin.file_name or plugin.find_glob:
            path = "" if reader.checkout.spec.path == "." else reader.checkout.spec.path
            folder = folder_of(reader.checkout.tree, reader.checkout.spec, reader.subject)
            reader.note(path, "tree")
            return any(_fits(plugin, names) for names in _below(reader.checkout.tree, folder, reader.subject))
        runs, job = self._ready(reader, context)
        ran, _ = await runs.ran(plugin, [Step("discover.find", plugin.find_command)], job)
        return ran.status == 0 and bool(ran.output.strip())

    def _ready(self, reader: Reader, context: RenderContext) -> tuple[Runs, Job]:
        """What runs, and the job. All files and the whole environment count as read: nobody knows what is read."""
        if self._runs is None:
            raise Blocked(reader.subject, "plugins cannot be run here", field=_FIELD)
        spec = reader.checkout.spec
        folder_of(reader.checkout.tree, spec, reader.subject)
        reader.note("", "whole")
        told = environment(reader, context)
        secrets = secrets_of(spec.plugin, told, variables(reader.checkout, context))
        path = "" if spec.path == "." else spec.path
        return self._runs, Job(reader.checkout.tree, path, told, secrets, reader.subject)

    def _there_are(self) -> str:
        return f"there are: {', '.join(self._plugins)}" if self._plugins else "there are none"

    def _remedy(self) -> str:
        if self._plugins:
            return "Correct the name, or the plugin's discover rule"
        return "Name the folder of their plugin.yaml with --plugins-folder (TODOKE_PLUGINS_FOLDER)"


def _fits(plugin: Plugin, names: tuple[str, ...]) -> bool:
    """Whether a path is what a plugin looks for."""
    if plugin.file_name:
        return path_match("/".join(_steps(plugin.file_name)), "/".join(names))
    return any(steps_match(_steps(one), names) for one in alternatives(plugin.find_glob))


def _steps(pattern: str) -> list[str]:
    return [step for step in pattern.split("/") if step not in ("", ".")]


def _below(tree: Tree, folder: Found, subject: str) -> Iterator[tuple[str, ...]]:
    """The paths of all files and folders below a folder, as names; links are not followed."""
    pending: list[tuple[tuple[str, ...], Found]] = [((), folder)]
    seen = 0
    while pending:
        above, here = pending.pop()
        for name, entry in tree.entries(here):
            seen += 1
            if seen > _MOST_NAMES:
                raise Blocked(subject, f"more than {_MOST_NAMES} names lie below its folder", field="spec.source.path")
            yield (*above, name)
            if entry.is_folder:
                pending.append(((*above, name), entry))
