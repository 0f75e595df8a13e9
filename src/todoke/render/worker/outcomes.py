"""What a rendering may take, what comes of it, and how it fails."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from todoke.model.trees import Look

Reason = Literal[
    "abandoned",  # the caller was cancelled, or its tree failed
    "closed",
    "exit",
    "gone",  # it ended while nobody used it
    "killed",  # from outside
    "memory",
    "output",
    "protocol",
    "recycled",
    "seconds",
    "start",
]


class Limits(msgspec.Struct, frozen=True):
    """What one request may take of this machine, and how long a process is kept."""

    processes: int = 2
    """How many requests run at once, each in a process of its own."""

    memory_mib: int = 1024
    """Resident size above which a process is killed; above half of it a process is not kept after its request."""

    seconds: float = 60.0
    """Wall-clock time of a request, from the moment that a process has it."""

    output_mib: int = 64
    """All that one request prints."""

    files: int = 20_000
    """Names in one folder, in a folder that is handed over whole, and paths that one request may ask for."""

    file_mib: int = 32
    """One file that is asked for by its name."""

    tree_mib: int = 64
    """All files together of a folder that is handed over whole."""

    recycle_after: int = 1000
    """Requests after which a process makes room for a fresh one."""


class Output(msgspec.Struct, frozen=True):
    """What an engine made of a tree.

    Attributes: data: what it printed. looks: all it learned of the tree, each once, in the order of asking.
    """

    data: bytes
    looks: tuple[Look, ...]


class EngineFailed(Exception):
    """An engine refused, or its process was ended.

    Attributes: text: the engine's own words, or why it was ended. missing: the dependencies that a chart declares and
        does not bring, each with `name`, `version` and `repository`. looks: all it learned of the tree until then.
        wanted: what a kustomization names elsewhere and was not given, see todoke.render.elsewhere.
    """

    def __init__(
        self,
        text: str,
        missing: tuple[Mapping[str, str], ...] = (),
        looks: tuple[Look, ...] = (),
        wanted: tuple[Mapping[str, str], ...] = (),
    ) -> None:
        super().__init__(text)
        self.text, self.missing, self.looks, self.wanted = text, missing, looks, wanted


class Ended(Exception):
    """A process is used no more. `problem` finishes a sentence that begins with what ran in it."""

    def __init__(self, reason: Reason, problem: str) -> None:
        super().__init__(problem)
        self.reason, self.problem = reason, problem
