"""CircleCI's expression language: `pipeline.git.branch == "main" and not pipeline.git.tag`.

Source: CircleCI, "Expressions" in the configuration reference; the public specification CircleCI-Public/expr.
"""

from todoke.pipeline.circleci.expressions.errors import ExpressionError
from todoke.pipeline.circleci.expressions.evaluation import UNDEFINED, Operand, Undefined, evaluate, is_true
from todoke.pipeline.circleci.expressions.parser import Expression, parse
from todoke.pipeline.circleci.expressions.scanner import Pattern

__all__ = [
    "UNDEFINED",
    "Expression",
    "ExpressionError",
    "Operand",
    "Pattern",
    "Undefined",
    "evaluate",
    "is_true",
    "parse",
]
