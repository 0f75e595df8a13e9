"""What is wrong with an expression, and where."""

from typing import Final

_WORDS: Final = {
    "Scanner/INCOMPLETE_EQUALS": "one equals sign alone compares nothing: write ==",
    "Scanner/UNTERMINATED_STRING": "the string has no closing quote",
    "Scanner/UNTERMINATED_PATTERN": "the pattern has no closing slash",
    "Scanner/INVALID_PATTERN": "the pattern is no RE2 regular expression",
    "Scanner/INVALID_PATTERN_CHARACTER": "a pattern holds characters of Latin-1 only",
    "Scanner/PATTERN_TOO_LONG": "the pattern is too long",
    "Scanner/INVALID_NUMERIC_LITERAL": "the number does not fit into 64 bits",
    "Scanner/UNEXPECTED_CHARACTER": "this character means nothing here",
    "Parser/EXPECTED_EXPRESSION": "a value is expected here",
    "Parser/EXPECTED_RIGHT_PAREN": "a closing parenthesis is expected here",
    "Parser/UNEXPECTED_ADDITIONAL_INPUT": "the expression is complete before this",
    "Parser/UNKNOWN_BUILTIN_FUNCTION": "this is no operator: there are matches, contains and starts-with",
    "Parser/TOO_DEEP": "it is nested too deeply",
    "Interpreter/EXPECTED_NUMERIC_OPERAND": "both sides must be numbers",
    "Interpreter/EXPECTED_STRING_OPERAND": "both sides must be strings",
    "Interpreter/EXPECTED_PATTERN_OPERAND": "the right side must be a pattern between slashes",
    "Interpreter/UNKNOWN_VARIABLE": "there is no such variable",
}


class ExpressionError(Exception):
    """An expression that cannot be read or has no value.

    Attributes:
        kind: as the specification calls it, such as Parser/EXPECTED_EXPRESSION.
        lexeme: the characters that are at fault. at: how many characters stand before them.
        token: the kind of token that they are; "" where no token was made yet.
    """

    def __init__(self, kind: str, lexeme: str, at: int, token: str = "") -> None:
        where = f'at "{lexeme}"' if lexeme else "at its end"
        super().__init__(f"{_WORDS[kind]} ({where}, character {at + 1})")
        self.kind, self.lexeme, self.at, self.token = kind, lexeme, at, token
