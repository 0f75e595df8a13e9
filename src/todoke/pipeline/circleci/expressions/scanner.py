"""Expressions as tokens."""

import re
from typing import Any, Final, NamedTuple

import re2

from todoke.pipeline.circleci.expressions.errors import ExpressionError

LONGEST_PATTERN: Final = 2_000
_LARGEST: Final = 2**63 - 1
_SPACES = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"[A-Za-z][\w-]*(?:\.[\w-]+)*\??", re.ASCII)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_WIDE_ESCAPE = re.compile(r"\\x\{0*([0-9A-Fa-f]{3,})\}")
_SIGNS: Final = {
    "(": "LEFT_PAREN",
    ")": "RIGHT_PAREN",
    "==": "EQUAL_EQUAL",
    "!=": "BANG_EQUAL",
    "!": "NOT",
    ">": "GREATER",
    ">=": "GREATER_EQUAL",
    "<": "LESS",
    "<=": "LESS_EQUAL",
}
_BUILTINS: Final = frozenset({"matches", "contains", "starts-with"})
_KEYWORDS: Final = {"and": "AND", "or": "OR", "not": "NOT", "true": "TRUE", "false": "FALSE"}


class Token(NamedTuple):
    """One word. Attributes: value: of a literal, else None. at: characters before it."""

    kind: str
    lexeme: str
    at: int
    value: Any = None


class Pattern(NamedTuple):
    """A regular expression between slashes. It must match the whole text."""

    source: str

    def matches(self, text: str) -> bool:
        """Whether the whole text matches; in linear time."""
        return compiled(self.source).fullmatch(text) is not None


def compiled(source: str) -> Any:
    """A pattern of RE2. Raises: ValueError: it is none, or too long."""
    if len(source) > LONGEST_PATTERN:
        raise ValueError(f"longer than {LONGEST_PATTERN} characters")
    try:
        return re2.compile(source, _options())
    except re2.error as error:
        text = error.args[0] if error.args else ""
        raise ValueError(text.decode(errors="replace") if isinstance(text, bytes) else str(text)) from error


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


def tokens(text: str) -> list[Token]:
    """All tokens with EOF as the last one. Raises: ExpressionError: a character or literal cannot be read."""
    found: list[Token] = []
    at = _skip(text, 0)
    while at < len(text):
        token = _token(text, at)
        found.append(token)
        at = _skip(text, at + len(token.lexeme))
    return [*found, Token("EOF", "", len(text.rstrip()))]


def _skip(text: str, at: int) -> int:
    match = _SPACES.match(text, at)
    return match.end() if match else at


def _token(text: str, at: int) -> Token:
    for length in (2, 1):
        sign = text[at : at + length]
        if sign in _SIGNS:
            return Token(_SIGNS[sign], sign, at)
    first = text[at]
    if first == "=":
        raise ExpressionError("Scanner/INCOMPLETE_EQUALS", text[at + 1 : at + 2], at + 1)
    if first == '"':
        return _string(text, at)
    if first == "/":
        return _pattern(text, at)
    if match := _NUMBER.match(text, at):
        if int(match[0]) > _LARGEST:
            raise ExpressionError("Scanner/INVALID_NUMERIC_LITERAL", first, at)
        return Token("NUMBER", match[0], at, int(match[0]))
    if match := _NAME.match(text, at):
        return _word(match[0], at)
    raise ExpressionError("Scanner/UNEXPECTED_CHARACTER", first, at)


def _word(word: str, at: int) -> Token:
    plain = word.lower() if word.isupper() else word
    if plain in _BUILTINS:
        return Token("BUILTIN", word, at, plain)
    if plain in _KEYWORDS:
        return Token(_KEYWORDS[plain], word, at, {"true": True, "false": False}.get(plain))
    return Token("IDENTIFIER", word, at)


def _string(text: str, at: int) -> Token:
    match = _STRING.match(text, at)
    if match is None:
        raise ExpressionError("Scanner/UNTERMINATED_STRING", '"', at)
    return Token("STRING", match[0], at, _ESCAPED.sub(r"\1", match[1]))


def _pattern(text: str, at: int) -> Token:
    match = _PATTERN.match(text, at)
    if match is None:
        raise ExpressionError("Scanner/UNTERMINATED_PATTERN", "/", at)
    source = match[1]
    for offset, letter in enumerate(source):
        if ord(letter) > 0xFF:
            raise ExpressionError("Scanner/INVALID_PATTERN_CHARACTER", letter, at + 1 + offset)
    if wide := _WIDE_ESCAPE.search(source):
        raise ExpressionError("Scanner/INVALID_PATTERN_CHARACTER", "\\", at + 1 + wide.start())
    try:
        compiled(source.replace("\\/", "/"))
    except ValueError:
        kind = "PATTERN_TOO_LONG" if len(source) > LONGEST_PATTERN else "INVALID_PATTERN"
        raise ExpressionError(f"Scanner/{kind}", "/", at) from None
    return Token("PATTERN", match[0], at, Pattern(source.replace("\\/", "/")))
