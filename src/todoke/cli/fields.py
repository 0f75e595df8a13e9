"""Fields of a settings class with their docstrings, for flags that nobody has to describe twice."""

import ast
import inspect
import textwrap
from typing import NamedTuple, get_type_hints


class Field(NamedTuple):
    """One field; `doc` is the docstring under it."""

    name: str
    type: type
    doc: str


def fields_of(settings: type) -> list[Field]:
    """The annotated fields of a class in their order."""
    body = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    hints = get_type_hints(settings)
    found = []
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for statement, following in zip(statements, [*statements[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            found.append(Field(name, hints[name], _text(following)))
    return found


def _text(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return inspect.cleandoc(str(statement.value.value))
    return ""
