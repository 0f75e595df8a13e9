"""Whom a push can concern, by the ref that it moved and by the files that it changed."""

from __future__ import annotations

import pytest

from todoke.delivery.pushes import PATHS, Spared, may_move
from todoke.model.deliverables import Deliverable, DeliverableKey
from todoke.model.sources import SourceSpec
from todoke.model.webhooks import Push

URL = "https://git.example.org/acme/shop.git"
OTHER = "https://git.example.org/acme/other.git"
OLD, NEW, NEWER = "a" * 40, "b" * 40, "c" * 40


def push(ref: str = "refs/heads/main", **fields: object) -> Push:
    return Push(**{"urls": (URL,), "ref": ref, "revision": NEW, "before": OLD} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("revision", "ref", "moves"),
    [
        ("main", "refs/heads/main", True),
        ("main", "refs/heads/main2", False),
        ("heads/main", "refs/heads/main", True),
        ("refs/heads/main", "refs/heads/main", True),
        ("", "refs/heads/main", True),
        ("HEAD", "refs/heads/topic", False),
        ("HEAD", "refs/tags/v1", False),
        ("refs/pull/7/head", "refs/pull/7/head", True),
        ("pull/7/head", "refs/pull/7/head", True),
        (NEW, "refs/heads/topic", True),
        (NEW[:8], "refs/heads/topic", True),
        (OLD, "refs/heads/main", False),
        ("^1.2", "refs/tags/v1.3.0", True),
        ("1.x", "refs/tags/release-7", True),
        (">= 1.0, < 2", "refs/tags/v1.3.0", True),
        ("*", "refs/tags/v1.3.0", True),
        ("^1.2", "refs/heads/main", False),
        ("stable", "refs/tags/v1.3.0", False),
        ("main", "", True),
    ],
)
def test_which_revisions_a_ref_moves(revision: str, ref: str, moves: bool) -> None:
    assert may_move(revision, push(ref, default_branch="main")) is moves


def test_who_follows_the_default_branch_is_asked_for_where_nobody_says_which_one_it_is() -> None:
    assert may_move("HEAD", push("refs/heads/topic"))


def deliverable(*specs: SourceSpec) -> Deliverable:
    return Deliverable(DeliverableKey("Application", "todoke", "shop"), "", "shop", specs, "shop")


def spared(paths: str, *changed: str, folder: str = "apps/shop") -> bool:
    """Whether an application in a folder is spared by a push that changed these files."""
    return Spared([push(changed=changed)]).spares(
        {PATHS: paths}, deliverable(SourceSpec(URL, path=folder)), (OLD,), (NEW,)
    )


@pytest.mark.parametrize(
    ("paths", "changed", "touched"),
    [
        (".", "apps/shop/web.yaml", True),
        (".", "apps/shop/deep/web.yaml", True),
        (".", "apps/shopping/web.yaml", False),
        (".", "apps/other/web.yaml", False),
        ("/apps/shop", "apps/shop/web.yaml", True),
        ("/apps/shop/web.yaml", "apps/shop/web.yaml", True),
        ("/apps/shop/web.yaml", "apps/shop/web.yaml.bak", False),
        ("../base", "apps/base/x.yaml", True),
        (".;../base", "apps/base/x.yaml", True),
        (" . ; ../base ;", "apps/base/x.yaml", True),
        ("/", "any/where", True),
        ("../../../..", "any/where", True),
        ("*.yaml", "apps/shop/web.yaml", True),
        ("*.yaml", "apps/shop/deep/web.yaml", False),
        ("/apps/*/web.yaml", "apps/other/web.yaml", True),
        ("/apps/sho[a-p]/web.yaml", "apps/shop/web.yaml", True),
        ("/apps/sho?/web.yaml", "apps/shopp/web.yaml", False),
        ("/apps/[", "other/web.yaml", False),
        ("/apps/[", "apps/web.yaml", True),
        ("", "any/where", True),
        (" ; ", "any/where", True),
    ],
)
def test_the_paths_that_an_application_names(paths: str, changed: str, touched: bool) -> None:
    assert spared(paths, changed) is not touched
    assert spared(paths, "unrelated.txt", changed) is False or not touched


def test_what_would_take_long_to_find_out_is_looked_at() -> None:
    many = [f"apps/{number}/web.txt" for number in range(101)]
    assert spared("/apps/*/web.yaml", *many[:100])
    assert not spared("/apps/*/web.yaml", *many)
    assert spared("/other/*/web.yaml", *many)
    assert not spared("/apps/*" + "x" * 500, many[0])
    assert not spared(";".join(f"/{number}" for number in range(51)), many[0])


def test_a_source_at_the_root_is_made_of_everything() -> None:
    assert not spared(".", "any/where", folder=".")


SPEC = SourceSpec(URL, path="apps/shop")
MARKS = {PATHS: "."}


def test_without_files_nobody_is_spared() -> None:
    assert not Spared([push()]).spares(MARKS, deliverable(SPEC), (OLD,), (NEW,))
    assert not Spared([]).spares(MARKS, deliverable(SPEC), (OLD,), (NEW,))


def test_who_names_no_paths_is_not_spared() -> None:
    assert not Spared([push(changed=("x",))]).spares({}, deliverable(SPEC), (OLD,), (NEW,))


@pytest.mark.parametrize(("before", "after"), [(NEWER, NEW), (OLD, NEWER)])
def test_a_push_that_does_not_lead_from_what_is_rendered_to_what_is_there_is_not_believed(
    before: str, after: str
) -> None:
    """An event may be lost, or be overtaken by the next push."""
    assert not Spared([push(changed=("x",))]).spares(MARKS, deliverable(SPEC), (before,), (after,))


def test_every_source_that_moved_must_be_spared() -> None:
    two = deliverable(SPEC, SourceSpec(OTHER, path="values"))
    pushes = Spared([push(changed=("x",))])
    assert pushes.spares(MARKS, two, (OLD, OLD), (NEW, OLD))
    assert not pushes.spares(MARKS, two, (OLD, OLD), (NEW, NEW))
    assert not pushes.spares(MARKS, two, (OLD,), (NEW, OLD))
    assert Spared([push(changed=("x",)), push(urls=(OTHER,), changed=("y",))]).spares(
        MARKS, two, (OLD, OLD), (NEW, NEW)
    )


def test_another_repository_at_the_same_commit_is_another_repository() -> None:
    assert not Spared([push(urls=(OTHER,), changed=("x",))]).spares(MARKS, deliverable(SPEC), (OLD,), (NEW,))
