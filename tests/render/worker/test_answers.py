"""What a worker is told of a tree, and that what it was told is remembered well enough to know when it is outdated."""

from __future__ import annotations

import json

import pytest

from tests.render.worker.conftest import Commits, Files, Link, Submodule
from todoke.model.trees import answer_of
from todoke.render.worker.answers import Answers
from todoke.render.worker.frames import file_parts, frame
from todoke.render.worker.outcomes import Limits

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
NOT_THERE = frame(b"N")
FILES: Files = {
    "app/a.yaml": "a",
    "app/deep/b.yaml": "b",
    "app/link": Link("../base"),
    "app/file-link": Link("../base/c.yaml"),
    "app/broken": Link("../nowhere"),
    "base/c.yaml": "c",
    "out": Link("../../etc/passwd"),
    "absolute": Link("/etc/passwd"),
    "round": Link("round"),
    "outside/passwd": Link("../out"),
    "module": Submodule(),
    "big/lfs.bin": LFS,
}


def whole(*files: tuple[str, bytes]) -> bytes:
    return frame(b"T", *(part for path, data in files for part in file_parts(path, data)))


def names(*pairs: tuple[str, bool]) -> bytes:
    return frame(b"D", json.dumps([list(pair) for pair in pairs], separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        (b"R", "app/a.yaml", frame(b"F", b"a")),
        (b"R", "app/link/c.yaml", frame(b"F", b"c")),
        (b"R", "app/file-link", frame(b"F", b"c")),
        (b"R", "app", NOT_THERE),
        (b"R", "app/none.yaml", NOT_THERE),
        (b"R", "none/none.yaml", NOT_THERE),
        (b"R", "app/a.yaml/b", NOT_THERE),
        (b"R", "app/broken", NOT_THERE),
        (b"L", "app/deep", names(("b.yaml", False))),
        (b"L", "app", names(*((n, n in ("deep", "link")) for n in ("a.yaml", "broken", "deep", "file-link", "link")))),
        (b"L", "app/link", names(("c.yaml", False))),
        (b"L", "app/a.yaml", NOT_THERE),
        (b"L", "none", NOT_THERE),
        (b"K", "app/a.yaml", frame(b"F", b"app/a.yaml")),
        (b"K", "app/file-link", frame(b"F", b"base/c.yaml")),
        (b"K", "app/link", frame(b"D", b"base")),
        (b"K", ".", frame(b"D")),
        (b"K", "app/broken", NOT_THERE),
        (b"T", "app/deep", whole(("b.yaml", b"b"))),
        (b"T", "base", whole(("c.yaml", b"c"))),
        (b"T", "app/link", whole(("c.yaml", b"c"))),
        (b"T", "app/a.yaml", NOT_THERE),
        (b"T", "none", NOT_THERE),
    ],
)
async def test_what_is_there_is_told_as_it_is(commit: Commits, kind: bytes, path: str, expected: bytes):
    answers = Answers(commit(FILES), Limits())
    assert await answers.to(kind, path) == expected
    assert answers.refused == ""


@pytest.mark.parametrize(
    ("kind", "path", "problem"),
    [
        (b"R", "out", "the symbolic link out -> ../../etc/passwd leads out of the repository"),
        (b"K", "absolute", "the symbolic link absolute -> /etc/passwd leads out of the repository"),
        (b"R", "outside/passwd", "the symbolic link outside/passwd -> ../out leads out of the repository"),
        (b"L", "round", "the symbolic link round -> round is a loop of symbolic links"),
        (b"R", "../etc/passwd", "../etc/passwd leads out of the repository"),
        (b"R", "module", "module is a submodule that .gitmodules does not name"),
        (b"L", "module", "module is a submodule that .gitmodules does not name"),
        (b"R", "module/a.yaml", "module/a.yaml goes through module, a submodule whose files are not here"),
        (b"R", "big/lfs.bin", "big/lfs.bin is stored in Git LFS, and its repository's Secret does not say enableLfs"),
        (b"T", "big", "big/lfs.bin is stored in Git LFS, and its repository's Secret does not say enableLfs"),
        (b"T", "outside", "the symbolic link outside/passwd -> ../out leads out of the repository"),
        (b"T", "app", "the symbolic link app/broken -> ../nowhere leads to nothing"),
        (b"T", "", "the symbolic link absolute -> /etc/passwd leads out of the repository"),
    ],
)
async def test_what_cannot_be_reached_ends_the_request_with_its_reason(
    commit: Commits, kind: bytes, path: str, problem: str
):
    answers = Answers(commit(FILES), Limits())
    assert await answers.to(kind, path) == frame(b"X", problem.encode())
    assert answers.refused == problem


async def test_a_folder_is_handed_over_whole_with_what_its_links_lead_to(commit: Commits):
    tree = commit({"c/a": "1", "c/in": Link("../d"), "d/e/f": "2", "d/more": Link("../g"), "g": "3"})
    answers = Answers(tree, Limits())
    assert await answers.to(b"T", "c") == whole(("a", b"1"), ("in/e/f", b"2"), ("in/more", b"3"))
    assert [(look.path, look.intent) for look in answers.looks] == [
        ("c", "tree"),
        ("c/in", "tree"),
        ("c/in/more", "read"),
    ]


@pytest.mark.parametrize(
    "links",
    [
        {"c/x/up": Link("..")},
        {"c/x/all": Link("../..")},
        {"c/x/y": Link("../../d"), "d/z": Link("../c")},
    ],
)
async def test_links_that_go_round_are_an_error(commit: Commits, links: Files):
    answers = Answers(commit({"c/x/a": "1", **links}), Limits())
    assert (await answers.to(b"T", "c")).startswith(b"X")
    assert "leads into itself by symbolic links" in answers.refused


async def test_links_that_double_themselves_are_bounded(commit: Commits):
    files: dict[str, str | bytes | Link | Submodule] = {"20/a": "1"}
    for level in range(20):
        files |= {f"{level}/one": Link(f"../{level + 1}"), f"{level}/two": Link(f"../{level + 1}")}
    answers = Answers(commit(files), Limits(files=500))
    await answers.to(b"T", "0")
    assert "500" in answers.refused


@pytest.mark.parametrize(
    ("limits", "kind", "path", "problem"),
    [
        (Limits(file_mib=1), b"R", "c/big", "c/big is larger than 1 MiB"),
        (Limits(tree_mib=2), b"T", "c", "c is larger than 2 MiB together (at small)"),
        (Limits(files=2), b"T", "c", "c holds more than 2 files and folders"),
        (Limits(files=2), b"L", "c", "c holds more than 2 names"),
    ],
)
async def test_limits_say_what_was_too_much(commit: Commits, limits: Limits, kind: bytes, path: str, problem: str):
    answers = Answers(commit({"c/big": b"x" * 2 * 2**20, "c/small": "x", "c/tiny": ""}), limits)
    assert await answers.to(kind, path) == frame(b"X", problem.encode())


async def test_a_folder_within_its_limits_is_handed_over(commit: Commits):
    limits = Limits(tree_mib=2, files=2)
    answers = Answers(commit({"c/big": b"x" * (2 * 2**20 - 1), "c/small": "x"}), limits)
    assert (await answers.to(b"T", "c")).startswith(b"T")


async def test_one_request_cannot_ask_for_ever(commit: Commits):
    answers = Answers(commit({"a": ""}), Limits(files=3))
    for number in range(3):
        assert await answers.to(b"K", f"none-{number}") == NOT_THERE
    assert await answers.to(b"K", "none-0") == NOT_THERE
    assert await answers.to(b"K", "none-3") == frame(b"X", b"more than 3 files and folders are asked for")


async def test_folders_of_any_depth_are_walked_and_of_absurd_depth_refused(commit: Commits):
    answers = Answers(commit({"c/" + "d/" * 1100 + "f": "1"}), Limits())
    assert await answers.to(b"T", "c") == whole(("d/" * 1100 + "f", b"1"))
    answers = Answers(commit({"c/" + f"{'d' * 200}/" * 21 + "f": "1"}), Limits())
    await answers.to(b"T", "c")
    assert answers.refused == "c holds paths longer than 4096 letters"


async def test_each_look_is_kept_once_in_the_order_of_asking(commit: Commits):
    tree = commit(FILES)
    answers = Answers(tree, Limits())
    asked = [
        (b"R", "app/a.yaml"),
        (b"K", "none"),
        (b"L", "."),
        (b"R", "app/a.yaml"),
        (b"R", "app"),
        (b"L", ""),
        (b"K", "app/a.yaml"),
    ]
    for kind, path in asked:
        await answers.to(kind, path)
    assert [(look.path, look.intent) for look in answers.looks] == [
        ("app/a.yaml", "read"),
        ("none", "kind"),
        ("", "list"),
        ("app", "kind"),
        ("app/a.yaml", "kind"),
    ]
    assert all(look.answer == answer_of(tree, look.path, look.intent) for look in answers.looks)


BEFORE: Files = {"c/a": "1", "c/d/e": "2", "c/to": Link("../g"), "g/h": "3", "z": "4", "j": Link("z")}


@pytest.mark.parametrize(
    ("kind", "path", "change", "outdated"),
    [
        (b"R", "c/a", {"c/a": "other"}, True),
        (b"R", "c/a", {"z": "other"}, False),
        (b"R", "c/new", {"c/new": "1"}, True),
        (b"R", "c/new", {"c/a": "other"}, False),
        (b"R", "j", {"z": "other"}, True),
        (b"R", "c", {"c/a": "other"}, False),
        (b"L", "c", {"c/a": "other"}, False),
        (b"L", "c", {"c/new": "1"}, True),
        (b"L", "c", {"c/d/new": "1"}, False),
        (b"L", "new", {"new/a": "1"}, True),
        (b"K", "c", {"c/a": "other"}, False),
        (b"K", "new", {"new": "1"}, True),
        (b"K", "c/to", {"c/to": Link("d")}, True),
        (b"T", "c", {"c/d/new": "1"}, True),
        (b"T", "c", {"g/h": "other"}, True),
        (b"T", "c", {"z": "other"}, False),
        (b"T", "new", {"new/a": "1"}, True),
    ],
)
async def test_a_change_of_what_was_told_shows_in_the_looks(
    commit: Commits, kind: bytes, path: str, change: Files, outdated: bool
):
    answers = Answers(commit(BEFORE), Limits())
    told = await answers.to(kind, path)
    later = commit({**BEFORE, **change})
    assert (await Answers(later, Limits()).to(kind, path) != told) is outdated
    assert any(answer_of(later, look.path, look.intent) != look.answer for look in answers.looks) is outdated
