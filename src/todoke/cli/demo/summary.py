"""What the story came to, as data. Every fact was read from the cluster."""

import json
from typing import Any

import msgspec

Facts = dict[str, Any]


class Told(msgspec.Struct, frozen=True):
    """One step that was played."""

    name: str
    seconds: float
    facts: Facts


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole story. `failed` names the step that did not come to its end, `error` says why."""

    result: str  # "ok" or "failed"
    cluster: str
    namespace: str
    seconds: float
    steps: tuple[Told, ...]
    failed: str = ""
    error: str = ""

    def line(self) -> str:
        """As JSON in one line."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return json.dumps(data, ensure_ascii=False)
