"""Tokens as a tree. `or` binds loosest, then `and`, equality and the words between two values, comparison, `not`."""

from typing import Final, NamedTuple

from todoke.pipeline.circleci.expressions.errors import ExpressionError
from todoke.pipeline.circleci.expressions.scanner import Token, tokens

DEEPEST: Final = 100
_LEVELS: Final = (
    frozenset({"OR"}),
    frozenset({"AND"}),
    frozenset({"EQUAL_EQUAL", "BANG_EQUAL", "BUILTIN"}),
    frozenset({"GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"}),
)
_VALUES: Final = frozenset({"NUMBER", "STRING", "PATTERN", "TRUE", "FALSE", "IDENTIFIER"})
_BEGINNINGS: Final = _VALUES | {"LEFT_PAREN", "NOT"}


class Literal(NamedTuple):
    """A value that stands in the expression, or a variable."""

    token: Token


class Negation(NamedTuple):
    operand: "Expression"


class Binary(NamedTuple):
    left: "Expression"
    operator: Token
    right: "Expression"


Expression = Literal | Negation | Binary


def parse(text: str) -> Expression:
    """The tree of an expression. Raises: ExpressionError: it is none; says where."""
    parser = _Parser(tokens(text))
    tree = parser.level(0, 0)
    rest = parser.token
    if rest.kind != "EOF":
        raise ExpressionError("Parser/UNEXPECTED_ADDITIONAL_INPUT", rest.lexeme, rest.at, rest.kind)
    return tree


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._at = found, 0

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self.token
        self._at += 1
        return token

    def level(self, number: int, depth: int) -> Expression:
        """What operators of this level or tighter ones join."""
        if number == len(_LEVELS):
            return self._unary(depth)
        left = self.level(number + 1, depth)
        while True:
            token = self.token
            if number == 2 and token.kind == "IDENTIFIER" and self._tokens[self._at + 1].kind in _BEGINNINGS:
                raise ExpressionError("Parser/UNKNOWN_BUILTIN_FUNCTION", token.lexeme, token.at, token.kind)
            if token.kind not in _LEVELS[number]:
                return left
            left = Binary(left, self._take(), self.level(number + 1, depth))

    def _unary(self, depth: int) -> Expression:
        token = self._take()
        if depth > DEEPEST:
            raise ExpressionError("Parser/TOO_DEEP", token.lexeme, token.at, token.kind)
        if token.kind == "NOT":
            return Negation(self._unary(depth + 1))
        if token.kind == "LEFT_PAREN":
            inner = self.level(0, depth + 1)
            closing = self._take()
            if closing.kind != "RIGHT_PAREN":
                raise ExpressionError("Parser/EXPECTED_RIGHT_PAREN", closing.lexeme, closing.at, closing.kind)
            return inner
        if token.kind in _VALUES:
            return Literal(token)
        raise ExpressionError("Parser/EXPECTED_EXPRESSION", token.lexeme, token.at, token.kind)
