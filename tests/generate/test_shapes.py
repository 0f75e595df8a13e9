"""Texts that Go's `fmt` makes of the values of a JSON document."""

from __future__ import annotations

from typing import Any

import pytest

from todoke.generate.shapes import go_text


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0, "0"),
        (123456, "123456"),
        (999999.5, "999999.5"),
        (1_000_000, "1e+06"),
        (1_234_567, "1.234567e+06"),
        (10**21, "1e+21"),
        (-1.5, "-1.5"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (True, "true"),
        (None, "<nil>"),
        (["a", 1.0, None], "[a 1 <nil>]"),
        ({"b": 1, "a": {}}, "map[a:map[] b:1]"),
    ],
)
def test_values_are_printed_as_go_does(value: Any, printed: str) -> None:
    assert go_text(value) == printed
