"""Compiles configurations for people: one walk for `compile`, `validate` and `graph`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from todoke.ci.ports import Checkout, OrbRoom
from todoke.model.job_graphs import OrbText, Workflow
from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.emitting import text_of
from todoke.pipeline.circleci.expressions import ExpressionError, evaluate, is_true, parse
from todoke.pipeline.circleci.problems import Problem
from todoke.pipeline.circleci.values import defaults
from todoke.pipeline.deciding import Push, verdicts
from todoke.pipeline.deciding import Verdict as JobVerdict

if TYPE_CHECKING:
    from todoke.ci.orb_desk import OrbDesk


class Wish(msgspec.Struct, frozen=True):
    """What to compile for.

    Attributes:
        parameters: of the pipeline. carried: such as count where they are declared only. branch, tag: in place of the
            checkout's. strict: built-in stand-ins for published orbs are refused.
    """

    parameters: Mapping[str, Any] = {}
    branch: str = ""
    tag: str = ""
    strict: bool = False
    carried: Mapping[str, Any] = {}


__all__ = ["JobVerdict", "Wish", "Workbench", "WorkflowVerdict"]


class WorkflowVerdict(msgspec.Struct, frozen=True):
    """A workflow with what becomes of its jobs, in the order in which they can start."""

    name: str
    jobs: tuple[JobVerdict, ...]

    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "workflow": self.name,
            "jobs": [
                {
                    "name": each.job.name,
                    "kind": each.job.kind,
                    "runs": each.runs,
                    "reason": each.reason,
                    "requires": [{"job": one.job, "statuses": list(one.statuses)} for one in each.job.requires],
                    "after": list(each.after),
                }
                for each in self.jobs
            ],
        }


class Workbench:
    """Compiles for one checkout. Attributes: checkout: the clone."""

    def __init__(self, orbs: OrbRoom, checkout: Checkout) -> None:
        self._orbs, self.checkout = orbs, checkout

    def orbs(self, wish: Wish) -> OrbDesk:
        """What answers questions about orbs."""
        from todoke.ci.orb_desk import OrbDesk

        return OrbDesk(self._orbs, self.values(wish))

    def compiled(self, text: str, wish: Wish) -> Compiled:
        """A configuration with everything put in, or what is wrong with it."""

        def find(reference: str) -> OrbText | str:
            found = self._orbs.find(reference)
            if wish.strict and isinstance(found, OrbText) and found.origin == "built-in":
                return f"Only todoke's built-in {found.resolved} is there, which --strict refuses. Lock the orb itself"
            return found

        found = compiled(text, Options(wish.parameters, self.values(wish), wish.carried), find)
        stand_ins = [orb for orb in found.orbs if orb.origin == "built-in"]
        notes = [
            Problem(
                f"The orb {orb.reference} is stood in for by todoke's built-in {orb.resolved}",
                hint="`todoke ci orb lock` gets the published one",
                level="warning",
            )
            for orb in stand_ins
        ]
        return msgspec.structs.replace(found, problems=(*found.problems, *notes))

    @staticmethod
    def text(found: Compiled) -> str:
        """The compiled configuration as YAML; "" when there is none."""
        return "" if found.document is None else text_of(found.document, found.orbs)

    def values(self, wish: Wish) -> dict[str, Any]:
        """The pipeline values: those of the checkout, and what the wish says in their place."""
        found = defaults() | dict(self.checkout.facts())
        if wish.branch:
            default = wish.branch in ("main", "master")
            found |= {
                "pipeline.git.branch": wish.branch,
                "pipeline.git.branch.is_default": default,
                "pipeline.git.tag": "",
            }
        if wish.tag:
            found |= {"pipeline.git.tag": wish.tag, "pipeline.git.branch": "", "pipeline.git.branch.is_default": False}
        return found

    def workflows(self, found: Compiled, wish: Wish) -> tuple[WorkflowVerdict, ...]:
        """What of each workflow would run."""
        if found.pipeline is None:
            return ()
        return tuple(WorkflowVerdict(one.name, self._verdicts(one, wish)) for one in found.pipeline.workflows)

    def _verdicts(self, workflow: Workflow, wish: Wish) -> tuple[JobVerdict, ...]:
        values = self.values(wish)

        def decide(expression: str) -> bool | str:
            try:
                return is_true(evaluate(parse(expression), values))
            except ExpressionError as error:
                return f"its filter has no value: {error}"

        push = Push(str(values["pipeline.git.branch"] or ""), str(values["pipeline.git.tag"] or ""))
        return verdicts(workflow, push, decide)
