"""Differences in words for people: values of Secrets never leave this room."""

from collections.abc import Iterable

from todoke.compare.drift import ABSENT, Difference
from todoke.model.objects import ObjectKey
from todoke.model.plans import FieldChange

_MASK = "++++++++"
_SECRET_FIELDS = ("f:data", "f:stringData")


def field_changes(key: ObjectKey, differences: Iterable[Difference]) -> tuple[FieldChange, ...]:
    """The changes a plan shows; of a Secret's values only that they differ. Source: Argo CD hides them the same way."""
    secret = (key.group, key.kind) == ("", "Secret")
    return tuple(
        FieldChange(d.at, _masked(d.want), _masked(d.have, other=d.want))
        if secret and _is_value(d)
        else FieldChange(d.at, d.want, d.have)
        for d in differences
    )


def _is_value(difference: Difference) -> bool:
    return not difference.path or difference.path[0] in _SECRET_FIELDS


def _masked(value: object, *, other: object = ABSENT) -> object:
    if value == ABSENT:
        return ABSENT
    # The second of two different values gets a longer mask, so that the reader sees that they differ.
    return _MASK if other in (ABSENT, value) else _MASK + "++++"
