"""YAML as Kubernetes reads it. The expected values are those of sigs.k8s.io/yaml, YAMLToJSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from todoke.render.kubernetes_yaml import DEEPEST, NotYaml, load

VALUES: dict[str, Any] = {
    # booleans of YAML 1.1
    "y": True,
    "n": False,
    "yes": True,
    "No": False,
    "on": True,
    "OFF": False,
    "true": True,
    "TRUE": True,
    "tRue": "tRue",
    "'yes'": "yes",
    '"on"': "on",
    # nulls
    "~": None,
    "null": None,
    "NULL": None,
    "": None,
    "nil": "nil",
    # integers
    "0": 0,
    "-0": 0,
    "12": 12,
    "+12": 12,
    "1_000": 1000,
    "0644": 420,
    "0o644": 420,
    "0O17": 15,
    "08": 8,
    "0b101": 5,
    "0x1F": 31,
    "-0x10": -16,
    "18446744073709551615": 18446744073709551615,
    "18446744073709551616": 18446744073709551616.0,
    # floats become integers when they are whole
    "1.0": 1,
    "100.0": 100,
    "1e3": 1000,
    "1.5": 1.5,
    ".5": 0.5,
    "1.": 1,
    "-1.5e-3": -0.0015,
    "1e400": "1e400",
    "1e21": 1e21,
    # what looks like a number and is none
    "12:30:45": "12:30:45",
    "1.2.3": "1.2.3",
    "0x": "0x",
    "1e": "1e",
    "+": "+",
    ".": ".",
    "100m": "100m",
    "1Gi": "1Gi",
    # times stay text
    "2001-12-14": "2001-12-14",
    "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00",
    # tags
    "!!str 12": "12",
    "!!str true": "true",
    "!!int '3'": 3,
    "!!float 1": 1,
    "!!bool 'yes'": True,
    "!!binary aGVsbG8=": "hello",
    "!!binary aGVs\n  bG8=": "hello",
    "!custom 12": "12",
    "!!timestamp 2001-12-14": "2001-12-14",
    # text
    "=": "=",
    "<<": "<<",
    "a b": "a b",
    "|\n    text\n": "text\n",
    ">-\n    folded\n    text\n": "folded text",
    '"\\u00e9\\x41"': "éA",
}


@pytest.mark.parametrize("text", VALUES, ids=lambda text: text.replace("\n", " ") or "empty")
def test_the_value_of_a_scalar(text: str) -> None:
    found = load(f"a: {text}".encode())["a"]
    assert (found, type(found)) == (VALUES[text], type(VALUES[text]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y: 1", {"true": 1}),
        ("off: 1", {"false": 1}),
        ("'y': 1", {"y": 1}),
        ("1: a", {"1": "a"}),
        ("0x10: a", {"16": "a"}),
        ("1.5: a", {"1.5": "a"}),
        ("1.0: a", {"1": "a"}),
        ("2001-12-14: a", {"2001-12-14": "a"}),
        ("a: 1\na: 2", {"a": 2}),
        ("base: &b {a: 1, c: 1}\nx: {a: 5, <<: *b}", {"base": {"a": 1, "c": 1}, "x": {"a": 1, "c": 1}}),
        ("base: &b {a: 1, c: 1}\nx: {<<: *b, a: 5}", {"base": {"a": 1, "c": 1}, "x": {"a": 5, "c": 1}}),
        (
            "p: &p {a: 1}\nq: &q {a: 2, b: 2}\nx: {<<: [*p, *q]}",
            {"p": {"a": 1}, "q": {"a": 2, "b": 2}, "x": {"a": 1, "b": 2}},
        ),
        ("x: {'<<': 1}", {"x": {"<<": 1}}),
        ("a: &n 1\nb: *n", {"a": 1, "b": 1}),
        ("- 1\n- [a, {b: c}]", [1, ["a", {"b": "c"}]]),
        ('{"json": [1, true, null, "x"]}', {"json": [1, True, None, "x"]}),
        ("# only a comment", None),
        ("", None),
        ("plain", "plain"),
        ("a:\n- 1\n-\n", {"a": [1, None]}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_keys_merges_aliases_and_shapes(text: str, expected: Any) -> None:
    assert load(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: 1\nb: .inf", ".inf is not a number", 2),
        ("a: .NaN", ".NaN is not a number", 1),
        ("a: 1\n? [1]\n: 2", "a key is a list or a map", 2),
        ("~: 1", "a key is null", 1),
        ("a: 1\n<<: 5", "a merge key wants a map", 2),
        ("<<: [{a: 1}, 5]", "a merge key wants a map", 1),
        ("a: !!binary '*'", "!!binary is not base64", 1),
        ("a: b\n c: d", "mapping values are not allowed", 2),
        ("a: 1\n\tb: 2", "tab character", 2),
        ("a: *nobody", "found undefined alias", 1),
        ("a: 'open", "unexpected end of stream", 1),
        ("a: 1\n...\nb: 2", "did not find expected <document start>", 3),
        ("a: &a [*a]", "an anchor contains itself", 1),
        ("a: \x07", "control characters are not allowed", 0),
    ],
)
def test_what_is_refused_names_its_line(text: str, problem: str, line: int) -> None:
    with pytest.raises(NotYaml) as caught:
        load(text.encode())
    assert problem in caught.value.problem
    assert caught.value.line == line


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(NotYaml):
        load(b"a: \xff\xfe")


def _laughs(levels: int) -> bytes:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, levels)]
    return b"\n".join(lines)


ATTACKS = {
    "ten to the ninth laughs": (_laughs(9), "nodes"),
    "laughs by merge keys": (
        b"a0: &a0 {k: v}\n"
        + b"\n".join(
            b"a%d: &a%d {%s}" % (n, n, b", ".join(b"k%d: *a%d" % (i, n - 1) for i in range(10))) for n in range(1, 9)
        )
        + b"\nx: {<<: *a8}",
        "nodes",
    ),
    "one long text many times": (b"a: &a '" + b"x" * 1_000_000 + b"'\nb: [" + b"*a," * 100 + b"]", "MiB"),
    "open brackets": (b"[" * 1_000_000, "levels"),
    "open braces": (b"{a: " * 300_000, "levels"),
    "dashes": (b"- " * 500_000, "levels"),
    "question marks": (b"? " * 500_000, "levels"),
    "a staircase": (b"\n".join(b" " * n + b"a:" for n in range(600)), "levels"),
    "one level too many": (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "levels"),
    "levels through aliases": (
        b"a0: &a0 [1]\n" + b"\n".join(b"a%d: &a%d [*a%d]" % (n, n, n - 1) for n in range(1, DEEPEST + 10)),
        "levels",
    ),
    "a million nodes": (b"- a\n" * 1_000_000, "nodes"),
}


@pytest.mark.timeout(30)  # written out, each of them would take hours
@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(name: str) -> None:
    text, word = ATTACKS[name]
    with pytest.raises(NotYaml, match=word):
        load(text)


def test_deep_and_wide_but_honest_documents_pass() -> None:
    deep = load(b"[" * DEEPEST + b"]" * DEEPEST)
    for _ in range(DEEPEST - 1):
        (deep,) = deep
    assert deep == []
    assert len(load(_laughs(4))["a3"]) == 10
    assert len(load(b"- {a: 1}\n" * 3000)) == 3000
    assert load(b"a: '" + b"-" * 5000 + b"'\nb: |\n  " + b" " * 3000 + b"x")["a"] == "-" * 5000


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co", "Zl", "Zp"), exclude_characters="\ufeff")
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_json_is_yaml_with_the_same_value(value: Any) -> None:
    assert load(json.dumps(value, ensure_ascii=False).encode()) == value


@given(_JSON)
def test_what_yaml_writers_write_is_read_back(value: Any) -> None:
    assert load(yaml.safe_dump(value, allow_unicode=True, default_style='"').encode()) == value
