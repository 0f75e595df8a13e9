"""Goes on from a setup configuration: what follows it when certain paths have changed."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from todoke.ci.workbench import Wish, Workbench
from todoke.model.problems import Problem
from todoke.pipeline.circleci.compiling import Compiled
from todoke.pipeline.circleci.continuing import Continuation, Decision, Match, conflicts, decided, literal
from todoke.pipeline.circleci.layers import merged

__all__ = ["Changes", "Compiled", "Continued", "Match", "continued"]


class Changes(msgspec.Struct, frozen=True):
    """What has changed. Attributes: paths: from the clone's root. since: a revision, in their place."""

    paths: tuple[str, ...] = ()
    since: str = ""

    @property
    def are_named(self) -> bool:
        """Whether anybody said what has changed."""
        return bool(self.paths or self.since)


class Continued(msgspec.Struct, frozen=True):
    """What follows a setup.

    Attributes:
        job: of the setup, after which it follows. name: the configuration, or all of them. open: why it is not known
            yet what follows; "" when it is. compiled: None then. text: what was compiled.
        matches: what decided. parameters: that the setup sets. base: the revision that changes are counted from.
    """

    job: str
    name: str
    open: str = ""
    text: str = ""
    compiled: Compiled | None = None
    matches: tuple[Match, ...] = ()
    parameters: Mapping[str, Any] = {}
    problems: tuple[Problem, ...] = ()
    base: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether the service would refuse to go on."""
        return bool(self.problems) or (self.compiled is not None and bool(self.compiled.errors))

    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "after": self.job,
            "configuration": self.name,
            "open": self.open,
            "parameters": dict(self.parameters),
            "because": [
                {"pattern": one.pattern, "path": one.path, "parameter": one.parameter, "value": one.value}
                for one in self.matches
            ],
        }


def continued(workbench: Workbench, setup: Compiled, wish: Wish, changes: Changes) -> Iterator[Continued]:
    """What follows a setup configuration, for each of its jobs that runs and continues.

    Raises: Blocked: a file cannot be read, or there is no such revision.
    """
    running = {
        (workflow.name, each.job.name)
        for workflow in workbench.workflows(setup, wish)
        for each in workflow.jobs
        if each.runs
    }
    for one in setup.continuations:
        if (one.workflow, one.job) in running:
            yield _one(workbench, one, setup, wish, changes)


def _one(workbench: Workbench, given: Continuation, setup: Compiled, wish: Wish, changes: Changes) -> Continued:
    decision = _decision(workbench, given, changes)
    if isinstance(decision, str):
        return Continued(given.job, given.config, decision, base=given.base)
    name = " and ".join(decision.configs)
    made = Continued(given.job, name, matches=decision.matches, parameters=decision.parameters, base=given.base)
    problems = [*decision.problems, *conflicts(decision, setup.chosen, given.mark)]
    if problems:
        return msgspec.structs.replace(made, problems=tuple(problems))
    texts = [(config, workbench.checkout.text(config)) for config in decision.configs]
    there = [(config, text) for config, text in texts if text is not None]
    if len(there) < len(texts):
        missing = " and ".join(config for config, text in texts if text is None)
        return msgspec.structs.replace(made, open=f"{missing} is not in the clone: the setup makes it while it runs")
    text, problems_of_files = (there[0][1], ()) if len(there) == 1 else merged(there)
    if problems_of_files:
        return msgspec.structs.replace(made, text=text, problems=problems_of_files)
    inner = msgspec.structs.replace(wish, parameters=decision.parameters, carried=setup.chosen)
    result = workbench.compiled(text, inner)
    if result.pipeline is not None and result.pipeline.setup:
        mark = setup.document.key_at("setup") if setup.document is not None else None
        again = Problem(f"A setup continues once, and {name} is a setup configuration again", mark)
        return msgspec.structs.replace(made, problems=(again,))
    return msgspec.structs.replace(made, text=text, compiled=result)


def _decision(workbench: Workbench, given: Continuation, changes: Changes) -> Decision | str:
    if given.mapping is None:
        return literal(given)
    if not changes.are_named:
        return "changed paths decide what runs"
    mapping = given.mapping
    if len(mapping.split()) == 1:
        found = workbench.checkout.text(mapping.strip().removeprefix("./"))
        if found is None:
            return f"its mapping is in {mapping.strip()}, which is not in the clone"
        mapping = found
    paths = workbench.checkout.changed_since(changes.since) if changes.since else changes.paths
    return decided(given, mapping, paths)
