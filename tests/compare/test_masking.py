"""A plan and a diff never show what is in a Secret."""

from todoke.compare.drift import ABSENT, Difference
from todoke.compare.masking import field_changes
from todoke.model.objects import ObjectKey

SECRET = ObjectKey("", "Secret", "shop", "login")
LAST = "kubectl.kubernetes.io/last-applied-configuration"
COPY = '{"data": {"password": "aHVudGVyMg=="}}'


def shown(path: tuple[str, ...], want: object, have: object) -> str:
    return str(field_changes(SECRET, [Difference(path, want, have)]))


def test_values_are_masked_and_still_seen_to_differ():
    (change,) = field_changes(SECRET, [Difference(("f:data", "f:password"), "b25l", "dHdv")])
    assert "b25l" not in str(change)
    assert "dHdv" not in str(change)
    assert change.want != change.have


def test_the_copy_that_kubectl_keeps_is_masked():
    path = ("f:metadata", "f:annotations", f"f:{LAST}")
    assert "aHVudGVyMg" not in shown(path, ABSENT, COPY)
    assert "aHVudGVyMg" not in shown(path[:2], ABSENT, {LAST: COPY, "other": "note"})
    assert "note" in shown(path[:2], ABSENT, {LAST: COPY, "other": "note"})


def test_other_fields_are_shown():
    assert "Opaque" in shown(("f:type",), "Opaque", "other")
