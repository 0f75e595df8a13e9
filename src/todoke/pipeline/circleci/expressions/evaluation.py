"""The value of an expression."""

import operator
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

from todoke.pipeline.circleci.expressions.errors import ExpressionError
from todoke.pipeline.circleci.expressions.parser import Binary, Expression, Literal, Negation
from todoke.pipeline.circleci.expressions.scanner import Pattern, Token


class Undefined(Enum):
    """What a variable without a value is, and what is made of it."""

    UNDEFINED = "undefined"


UNDEFINED: Final = Undefined.UNDEFINED
Operand = bool | int | str | Pattern | Undefined

_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "GREATER": operator.gt,
    "GREATER_EQUAL": operator.ge,
    "LESS": operator.lt,
    "LESS_EQUAL": operator.le,
}


def is_true(value: Operand) -> bool:
    """Whether a value counts as true: not false, 0, the empty string or undefined."""
    return value is not UNDEFINED and bool(value)


def evaluate(tree: Expression, variables: Mapping[str, Any]) -> Operand:
    """The value; that of `and` and `or` is one of their sides.

    Args: variables: strings, whole numbers and truths by name; None where one has no value.
    Raises: ExpressionError: an operator does not fit its sides, or there is no such variable.
    """
    if isinstance(tree, Literal):
        return _literal(tree.token, variables)
    if isinstance(tree, Negation):
        return not is_true(evaluate(tree.operand, variables))
    kind, left = tree.operator.kind, evaluate(tree.left, variables)
    if kind == "OR":
        return left if is_true(left) else evaluate(tree.right, variables)
    if kind == "AND":
        return evaluate(tree.right, variables) if is_true(left) else left
    return _applied(tree, left, evaluate(tree.right, variables))


def _literal(token: Token, variables: Mapping[str, Any]) -> Operand:
    if token.kind != "IDENTIFIER":
        value: Operand = token.value
        return value
    if token.lexeme not in variables:
        raise ExpressionError("Interpreter/UNKNOWN_VARIABLE", token.lexeme, token.at, token.kind)
    found = variables[token.lexeme]
    return UNDEFINED if found is None else found


def _applied(tree: Binary, left: Operand, right: Operand) -> Operand:
    sign = tree.operator
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    if sign.kind in ("EQUAL_EQUAL", "BANG_EQUAL"):
        return (type(left) is type(right) and left == right) is (sign.kind == "EQUAL_EQUAL")
    if sign.kind in _COMPARED:
        if not (_is_number(left) and _is_number(right)):
            raise ExpressionError("Interpreter/EXPECTED_NUMERIC_OPERAND", sign.lexeme, sign.at, sign.kind)
        return _COMPARED[sign.kind](left, right)
    return _worded(sign, left, right)


def _worded(sign: Token, left: Operand, right: Operand) -> bool:
    if sign.value == "matches":
        if not isinstance(right, Pattern):
            raise ExpressionError("Interpreter/EXPECTED_PATTERN_OPERAND", sign.lexeme, sign.at, sign.kind)
        if isinstance(left, str):
            return right.matches(left)
    elif isinstance(left, str) and isinstance(right, str):
        return right in left if sign.value == "contains" else left.startswith(right)
    raise ExpressionError("Interpreter/EXPECTED_STRING_OPERAND", sign.lexeme, sign.at, sign.kind)


def _is_number(value: Operand) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
