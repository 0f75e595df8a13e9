"""Which versions a constraint allows, decided by the render worker as Helm decides it."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from todoke.model.errors import Blocked
from todoke.render.no_files import NoFiles
from todoke.render.worker import EngineFailed, Workers

Matching = Callable[[str, Sequence[str]], Awaitable[list[str]]]
"""Of a constraint and versions: those that fit, newest first."""


def matching(workers: Workers) -> Matching:
    """What decides; it raises Blocked for what is no constraint."""

    async def decide(constraint: str, versions: Sequence[str]) -> list[str]:
        request = {"engine": "versions", "constraint": constraint, "versions": list(versions)}
        try:
            output = await workers.run(request, NoFiles())
        except EngineFailed as error:
            next_step = "Write it like ^1.2, ~1.2.3 or >=1.0 <2.0"
            subject = f'the version constraint "{constraint}"'
            raise Blocked(subject, error.text, field="spec.source.targetRevision", next_step=next_step) from error
        found: list[str] = msgspec.json.decode(output.data, type=list[str])
        return found

    return decide
