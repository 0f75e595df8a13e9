"""The two dialects of globs."""

import pytest

from todoke.model.globs import BadGlob, glob_match, path_match


@pytest.mark.parametrize(
    ("pattern", "text", "separators", "matches"),
    [
        ("*", "a/b", "", True),
        ("*", "a/b", "/", False),
        ("**", "a/b", "/", True),
        ("a/*/c", "a/b/c", "/", True),
        ("a/**/c", "a/b/b/c", "/", True),
        ("a*", "a", "", True),
        ("?", "/", "/", False),
        ("?", "x", "/", True),
        ("[a-c]x", "bx", "", True),
        ("[!a-c]x", "bx", "", False),
        ("[]]", "]", "", True),
        ("{a,b{c,d}}", "bd", "", True),
        ("{a,b{c,d}}", "b", "", False),
        ("{a,}b", "b", "", True),
        (r"\*", "*", "", True),
        (r"\*", "x", "", False),
        (r"\{a\}", "{a}", "", True),
        ("", "", "", True),
        ("a.c", "abc", "", False),
        ("*.yaml", "a.yaml\n", "", False),
    ],
)
def test_glob(pattern, text, separators, matches):
    assert glob_match(pattern, text, separators) is matches


@pytest.mark.parametrize("pattern", ["[a", "{a", "a}", "\\", "{a,[b}", "[!]", "{a,b}" * 10])
def test_a_pattern_that_is_none_is_refused(pattern):
    with pytest.raises(BadGlob):
        glob_match(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "Deployment", True),
        ("*", "a/b", False),
        ("**", "a/b", False),
        ("[^D]*", "Service", True),
        ("[^D]*", "Deployment", False),
        ("{a,b}", "a", False),
        ("{a,b}", "{a,b}", True),
        ("*.k8s.io", "networking.k8s.io", True),
    ],
)
def test_path(pattern, text, matches):
    assert path_match(pattern, text) is matches


def test_a_pattern_of_many_stars_takes_no_longer_than_its_size():
    assert glob_match("*a" * 40 + "b", "a" * 400) is False
