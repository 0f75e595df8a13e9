"""Patterns for files: as Git reads them, and as they are read with `**`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from todoke.generate.patterns import BadPattern, doublestar, pathspec

FILES = [
    ".hidden/a.yaml",
    "a-b/x.yml",
    "a.yaml",
    "a/b.yaml",
    "a/b/c.yaml",
    "a/b/config.json",
    "a/bb/cc/dd.yaml",
    "ab/config.json",
    "b/B.yaml",
    "conf/dev/config.json",
    "conf/prod/eu/config.json",
    "config.json",
    "d[1]/k.yaml",
    "x{y}/z.yaml",
]
PATTERNS = """* ** *.yaml a/*.yaml a a/ a/b a/b/ ./a/b a/../ab a//b . **/config.json
conf/*/config.json conf/**/config.json a/?.yaml ?b a/[bc]* a/[!b]* a/[^b]* [a-b]/* []a]* b/[A-Z].yaml x{y} x{y}/*
{a,b}/* d[1]/k.yaml d[1]/* d\\[1\\]/* d\\[1]
*b* a*/ a/** **/ */config.json nothing"""


async def test_a_pathspec_means_what_git_takes_it_for(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    for file in FILES:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    git("add", ".")

    for pattern in PATTERNS.split():
        matches = pathspec(pattern)
        expected = {path for path in git("ls-files", "--full-name", "-z", "--", pattern).split("\0") if path}
        assert {path for path in FILES if matches(path)} == expected, pattern


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "is empty"),
        ("../a", "leads out"),
        ("/a", "begins with a slash"),
        (":(glob)**/a", "pathspec magic"),
        ("a/[b", "not closed"),
        ("a/[[:alpha:]]", "class of characters"),
    ],
)
def test_a_pathspec_that_is_none_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(BadPattern, match=words):
        pathspec(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.yaml", {"a.yaml"}),
        ("a/*", {"a/b.yaml"}),
        ("a/**", {"a/b.yaml", "a/b/c.yaml", "a/b/config.json", "a/bb/cc/dd.yaml"}),
        ("a/**/*.yaml", {"a/b.yaml", "a/b/c.yaml", "a/bb/cc/dd.yaml"}),
        ("**/config.json", {path for path in FILES if path.endswith("config.json")}),
        ("{a,ab}/**/config.json", {"a/b/config.json", "ab/config.json"}),
        ("{conf/**,ab}/config.json", {"ab/config.json", "conf/dev/config.json", "conf/prod/eu/config.json"}),
        ("**/**/c.yaml", {"a/b/c.yaml"}),
        ("a**b/*", {"a-b/x.yml", "ab/config.json"}),
        ("[!a]/?.yaml", {"b/B.yaml"}),
        ("[^a]/?.yaml", {"b/B.yaml"}),
        ("/a.yaml", {"a.yaml"}),
        ("d\\[1\\]/*", {"d[1]/k.yaml"}),
    ],
)
def test_two_stars_cross_folders_and_one_does_not(pattern: str, expected: set[str]) -> None:
    matches = doublestar(pattern)

    assert {path for path in FILES if matches(path)} == expected


@pytest.mark.parametrize("pattern", ["", "{a,b", "a/[b"])
def test_a_pattern_with_two_stars_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        doublestar(pattern)
