"""Differences in words for people: values of Secrets never leave this room."""

from collections.abc import Iterable

from todoke.compare.drift import ABSENT, Difference
from todoke.model.objects import ObjectKey
from todoke.model.plans import FieldChange

_MASK = "++++++++"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_FIELDS = ("f:data", "f:stringData")


def field_changes(key: ObjectKey, differences: Iterable[Difference]) -> tuple[FieldChange, ...]:
    """The changes a plan shows; of a Secret's values only that they differ. Source: Argo CD hides them the same way."""
    secret = (key.group, key.kind) == ("", "Secret")
    return tuple(_secret_change(d) if secret else FieldChange(d.at, d.want, d.have) for d in differences)


def _secret_change(difference: Difference) -> FieldChange:
    path, want, have = difference.path, difference.want, difference.have
    if not path or path[0] in _SECRET_FIELDS or path[-1] == f"f:{_LAST_APPLIED}":
        return FieldChange(difference.at, _masked(want), _masked(have, other=want))
    return FieldChange(difference.at, _without_copy(want), _without_copy(have))


def _without_copy(value: object) -> object:
    """A value with the copy of the whole Secret masked that `kubectl apply` keeps in an annotation."""
    if not isinstance(value, dict):
        return value
    return {name: _MASK if name == _LAST_APPLIED else _without_copy(inner) for name, inner in value.items()}


def _masked(value: object, *, other: object = ABSENT) -> object:
    if value == ABSENT:
        return ABSENT
    # The second of two different values gets a longer mask, so that the reader sees that they differ.
    return _MASK if other in (ABSENT, value) else _MASK + "++++"
