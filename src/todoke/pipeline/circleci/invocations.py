"""What a workflow makes of its entries."""

from typing import Any

from todoke.pipeline.circleci.continuing import Call
from todoke.pipeline.circleci.document import Map
from todoke.pipeline.circleci.problems import Mark


class Instance:
    """One job of one workflow.

    Attributes:
        base: the name it asks for. group: what requirements may call it beside that: a matrix, its job.
        body: as it runs; None for an approval. kept: the keys that its workflow says of it. name: the final one.
        calls: what in it has a part in continuing a setup.
    """

    def __init__(self, base: str, definition: str, body: Map | None, kept: Map, mark: Mark | None) -> None:
        self.base, self.definition, self.body, self.kept, self.mark = base, definition, body, kept, mark
        self.name, self.group, self.explicit = base, "", False
        self.requires: list[tuple[str, Any, Mark | None]] = []
        self.calls: tuple[Call, ...] = ()
