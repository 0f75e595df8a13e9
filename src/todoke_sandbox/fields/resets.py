"""Fields that a request cannot set, because of the subresource it goes to: they stay, and nobody comes to hold them.

Source: answers of a real server, kind by kind (tests/sandbox/test_fields_contract.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from todoke_sandbox.fields.field_set import FieldSet, of_paths, union
from todoke_sandbox.schema.kinds import Kind

STATUS: Final = "status"
SCALE: Final = "scale"

_NOTHING: FieldSet = {}
_STATUS_ONLY = of_paths([("f:status",)])
_SPEC_ONLY = of_paths([("f:spec",)])
_BY_KIND_OF_STATUS: Mapping[tuple[str, str], FieldSet] = {
    ("apps", "Deployment"): of_paths([("f:metadata", "f:labels")]),
    ("", "Pod"): of_paths([("f:metadata", "f:ownerReferences")]),
}
"""What a request to the status cannot set besides the specification."""


def reset_fields(kind: Kind, subresource: str) -> FieldSet:
    """The fields that a request to the object (subresource empty) or to its status cannot set."""
    if not has_status(kind) or subresource not in ("", STATUS):
        return _NOTHING
    if not subresource:
        return _STATUS_ONLY
    if not kind.built_in:
        return {f"f:{name}": {} for name in kind.node.fields if name != "status"}
    return union(_SPEC_ONLY, _BY_KIND_OF_STATUS.get((kind.group, kind.name), _NOTHING))


def has_status(kind: Kind) -> bool:
    """Whether the kind keeps its status apart from what users write."""
    return "status" in kind.node.fields if kind.built_in else kind.has_status
