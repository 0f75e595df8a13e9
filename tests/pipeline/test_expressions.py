"""The expression language, by the cases of its public specification and by our own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cases import corpus_file
from todoke.pipeline.circleci.expressions import UNDEFINED, ExpressionError, Pattern, evaluate, is_true, parse


def outcome(expression: str, environment: dict[str, Any]) -> dict[str, Any]:
    try:
        value = evaluate(parse(expression), environment)
    except ExpressionError as error:
        told = {"errorType": error.kind, "lexeme": error.lexeme, "charPos": error.at}
        return {"error": told | ({"tokenType": error.token} if error.token else {})}
    if value is UNDEFINED:
        return {"undefined": True}
    return {"regexp": value.source} if isinstance(value, Pattern) else {"result": value}


def test_the_specification_s_cases() -> None:
    lines = corpus_file("circleci/expressions.jsonl").read_text().splitlines()
    wrong = []
    for line in lines:
        case = json.loads(line)
        if (got := outcome(case["expression"], case["environment"])) != case["expected"]:
            wrong.append((case["expression"], got, case["expected"]))
    assert len(lines) > 100
    assert not wrong


@pytest.mark.parametrize(
    ("expression", "environment", "expected"),
    [
        ("1 == 1 AND NOT false", {}, True),
        ('"a" == "a" or missing', {}, True),
        ('branch MATCHES /release-\\d+/ and "x"', {"branch": "release-12"}, "x"),
        ('pipeline.git.tag starts-with "v"', {"pipeline.git.tag": "v1"}, True),
        ("1 < 2 == true", {}, True),
        ("not not 1", {}, True),
        (r'"a\"b" contains "\""', {}, True),
        (r"path matches /a\/b/", {"path": "a/b"}, True),
        ("1 == true", {}, False),
        ('1 != "1"', {}, True),
        ("optional? or 3", {"optional?": None}, 3),
    ],
)
def test_values(expression: str, environment: dict[str, Any], expected: Any) -> None:
    value = evaluate(parse(expression), environment)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("expression", "kind", "at"),
    [
        ("unknown == 1", "Interpreter/UNKNOWN_VARIABLE", 0),
        ('x matches "text"', "Interpreter/EXPECTED_PATTERN_OPERAND", 2),
        ("1 > true", "Interpreter/EXPECTED_NUMERIC_OPERAND", 2),
        ("x = 1", "Scanner/INCOMPLETE_EQUALS", 3),
        ("x matches /(?!a)/", "Scanner/INVALID_PATTERN", 10),
        (f"x matches /{'a' * 3000}/", "Scanner/PATTERN_TOO_LONG", 10),
        (f"{'(' * 300}1", "Parser/TOO_DEEP", 101),
        (f"{'not ' * 300}1", "Parser/TOO_DEEP", 404),
    ],
)
def test_errors_name_the_place(expression: str, kind: str, at: int) -> None:
    with pytest.raises(ExpressionError) as error:
        evaluate(parse(expression), {"x": "y"})
    assert (error.value.kind, error.value.at) == (kind, at)
    assert f"character {at + 1}" in str(error.value)


def test_a_pattern_that_would_take_for_ever_elsewhere_takes_none() -> None:
    value = evaluate(parse("x matches /(a+)+$/"), {"x": "a" * 50_000 + "b"})
    assert value is False


@pytest.mark.parametrize(("value", "true"), [(0, False), ("", False), (False, False), (UNDEFINED, False), ("0", True)])
def test_what_counts_as_true(value: Any, true: bool) -> None:
    assert is_true(value) is true
