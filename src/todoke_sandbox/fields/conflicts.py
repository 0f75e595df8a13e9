"""What stands in the way of an apply, in the server's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from todoke_sandbox.fields.entries import ManagerKey
from todoke_sandbox.fields.field_set import FieldSet, paths, union
from todoke_sandbox.fields.path_elements import text


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that another manager holds and the apply would change."""

    manager: str
    field: str

    @property
    def message(self) -> str:
        """Of the cause in the server's answer."""
        return f"conflict with {self.manager}"


class ApplyConflict(Exception):
    """An apply without force that would change fields of others. HTTP: 409, reason Conflict.

    Attributes: conflicts: by manager, then in the order of the fields. fields: all of them as one set.
    """

    def __init__(self, by_manager: Mapping[ManagerKey, FieldSet]) -> None:
        """Takes the fields in conflict by who holds them."""
        self.by_manager = dict(by_manager)
        named = sorted((str(key), fields) for key, fields in by_manager.items())
        self.conflicts = [Conflict(name, text(path)) for name, fields in named for path in paths(fields)]
        self.fields: FieldSet = {}
        for fields in by_manager.values():
            self.fields = union(self.fields, fields)
        super().__init__(self._message())

    def causes(self) -> list[dict[str, str]]:
        """As `details.causes` of the answer lists them."""
        return [{"reason": "FieldManagerConflict", "message": c.message, "field": c.field} for c in self.conflicts]

    def _message(self) -> str:
        if len(self.conflicts) == 1:
            (only,) = self.conflicts
            return f"Apply failed with 1 conflict: {only.message}: {only.field}"
        lines = []
        for manager in dict.fromkeys(conflict.manager for conflict in self.conflicts):
            lines.append(f"conflicts with {manager}:")
            lines += [f"- {conflict.field}" for conflict in self.conflicts if conflict.manager == manager]
        return f"Apply failed with {len(self.conflicts)} conflicts: " + "\n".join(lines)
