"""A few folders stand for all looks of a rendering: while they are the same, so are the answers."""

from __future__ import annotations

import pytest

from tests.fake_tree import FakeTree, Link
from todoke.model.renderings import Checkout
from todoke.model.sources import SourceSpec
from todoke.model.trees import Intent, Look, answer_of
from todoke.render.anchors import anchors

FILES = {
    "app/kustomization.yaml": "a",
    "app/sub/x.yaml": "x",
    "base/kustomization.yaml": "b",
    "base/web.yaml": "w",
    "other/y.yaml": "y",
    "link": Link("other"),
}
LOOKS: list[tuple[str, Intent]] = [
    ("app/kustomization.yaml", "read"),
    ("app/kustomization.yml", "kind"),
    ("app/sub", "list"),
    ("base", "kind"),
    ("base/web.yaml", "read"),
]


def fixed(files: dict[str, str], looks: list[tuple[str, Intent]]) -> tuple[Look, ...]:
    checkout = Checkout(SourceSpec("", path="app"), FakeTree(files), "0" * 40)
    return anchors(checkout, [Look(path, intent, answer_of(checkout.tree, path, intent)) for path, intent in looks])


def test_one_look_for_each_folder() -> None:
    found = {(look.path, look.intent) for look in fixed(FILES, LOOKS)}
    assert found == {("app", "tree"), ("base", "tree")}
    own = fixed(FILES, LOOKS[:3])
    assert [(look.path, look.intent) for look in own] == [("app", "tree")]


def test_variables_and_engines_stay() -> None:
    variable = Look("ARGOCD_APP_REVISION", "variable", "abc")
    checkout = Checkout(SourceSpec("", path="app"), FakeTree(FILES), "0" * 40)
    assert anchors(checkout, [variable]) == (variable,)


@pytest.mark.parametrize("path", ["link/y.yaml", "link/missing.yaml", "../out", "link"])
def test_what_is_reached_by_a_link_or_leads_out_has_none(path: str) -> None:
    assert fixed(FILES, [*LOOKS, (path, "read")]) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"app/kustomization.yaml": "other"},
        {"app/kustomization.yml": "appears"},
        {"app/sub/new.yaml": "n"},
        {"base/web.yaml": "other"},
        {"app/deep/down/z.yaml": "z"},
    ],
)
def test_whatever_changes_an_answer_changes_an_anchor(change: dict[str, str]) -> None:
    assert fixed(FILES, LOOKS) != fixed(FILES | change, LOOKS)


def test_a_file_elsewhere_changes_none() -> None:
    assert fixed(FILES, LOOKS) == fixed(FILES | {"other/y.yaml": "changed"}, LOOKS)
