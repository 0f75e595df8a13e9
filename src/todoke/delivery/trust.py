"""Whether the commits that are to be delivered bear the signatures that their project demands."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from todoke.access.signatures import Demand, demanded, refusal
from todoke.delivery.ports import Source
from todoke.model.deliverables import Deliverable
from todoke.model.errors import Blocked, DeliveryError
from todoke.model.projects import AppProject
from todoke.model.signatures import Signature, Trust
from todoke.model.sources import SourceSpec, shown_url


class Trusting:
    """Asks for each Git source what its project demands of it. Submodules and charts have no say."""

    def __init__(self, source: Source, now: Callable[[], datetime]) -> None:
        self._source, self._now = source, now

    async def check(
        self,
        deliverable: Deliverable,
        project: AppProject | None,
        revisions: tuple[str, ...],
        pinned: tuple[str, ...] = (),
    ) -> None:
        """Nothing, when all revisions are trusted.

        Args: pinned: what a person asked for, where that is not what the sources follow.
        Raises: Blocked: one is not; says which commit, whose key, which field. Unreachable: it cannot be read.
        """
        for number, (spec, sha) in enumerate(zip(deliverable.sources, revisions, strict=True)):
            demand = demand_of(project, spec)
            if demand is None:
                continue
            wanted = pinned[number] if number < len(pinned) and pinned[number] else spec.revision
            trust = Trust(demand.deep, demand.name, partial(self._refusal, demand))
            reasons = await self._source.untrusted(spec, sha, wanted, trust)
            if reasons:
                raise Blocked(f"Repository {shown_url(spec.repo_url)}", "; ".join(reasons))

    async def note(
        self, deliverable: Deliverable, project: AppProject | None, revisions: tuple[str, ...], pinned: tuple[str, ...]
    ) -> tuple[str, ...]:
        """As `check`, a sentence in place of an error."""
        try:
            await self.check(deliverable, project, revisions, pinned)
        except DeliveryError as error:
            return (f"it would be refused, as far as its keys may be read here: {error}",)
        return ()

    async def holds(self, deliverable: Deliverable, project: AppProject | None, revisions: tuple[str, ...]) -> bool:
        """Whether all revisions are trusted."""
        try:
            await self.check(deliverable, project, revisions)
        except DeliveryError:
            return False
        return True

    def _refusal(self, demand: Demand, signature: Signature) -> str:
        return refusal(demand, signature, self._now())


def demand_of(project: AppProject | None, spec: SourceSpec) -> Demand | None:
    """What a project demands of a source; None when that is nothing, as of charts and OCI artifacts."""
    return None if spec.chart or spec.origin.is_registry else demanded(project, spec.repo_url)
