"""Keeps the tail short: no source file may outgrow what one can hold in mind."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 400, 50
BANNED = {"utils", "helpers", "common", "manager", "handler", "base", "misc"}


def test_no_file_is_too_long():
    assert {str(f): n for f in FILES if (n := len(f.read_text().splitlines())) > MOST_LINES} == {}


def test_no_function_is_too_long():
    long = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_FUNCTION_LINES:
                    long[f"{file.name}:{node.name}"] = lines
    assert long == {}


def test_modules_are_named_in_the_fields_own_words():
    assert [str(file) for file in FILES if file.stem in BANNED] == []


def test_public_functions_say_what_they_are():
    functions = [
        (file, node)
        for file in FILES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]
    assert [f"{file.name}:{node.name}" for file, node in functions if ast.get_docstring(node) is None] == []
