"""Quantities as the server writes them.

Source: Kubernetes documentation, "Quantity": no fractions, the largest suffix without one, the suffix family as given.
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from typing import Any

_FORM = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL.items()}


class NotAQuantity(ValueError):
    """The text is no quantity; the message is the server's."""

    def __init__(self) -> None:
        super().__init__("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")


@lru_cache(maxsize=4096)
def canonical(value: Any, finest: int = -9) -> str:
    """The text that the server writes for a quantity given as text or number.

    What needs no rounding and no other suffix is written as it was given, signs and leading zeros included.

    Args: finest: exponent of ten that amounts are rounded up to: -9, or -3 in lists of resources.
    Raises: NotAQuantity: it is none.
    """
    text = repr(value) if isinstance(value, float) else str(value)
    match = _FORM.fullmatch(text)
    if match is None or isinstance(value, bool):
        raise NotAQuantity
    sign, digits, suffix = match.groups()
    suffix = suffix or ""
    number = Decimal(digits)
    if suffix in _BINARY:
        if number % 1024 and number == number.to_integral_value() and "." not in digits:
            return text
        written = _in_binary(number * 2 ** _BINARY[suffix])
    else:
        exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
        if _is_settled(digits, exponent, finest):
            return text
        number = _rounded(number.scaleb(exponent), finest)
        written = _in_decimal(number, exponents=suffix not in _DECIMAL)
    return f"-{written}" if sign == "-" and written != "0" else written


def _is_settled(digits: str, exponent: int, finest: int) -> bool:
    """Whether the server keeps the text: a whole number of a power of a thousand that is not a multiple of the next."""
    whole, _, fraction = digits.partition(".")
    shifted = (whole.lstrip("0") or "0") + fraction
    scale = exponent - len(fraction)
    return scale % 3 == 0 and scale >= finest and len(shifted) <= 18 and shifted[0] != "0" and shifted[-3:] != "000"


def _rounded(number: Decimal, finest: int) -> Decimal:
    if number == number.to_integral_value():
        return number
    return number.quantize(Decimal(1).scaleb(finest), rounding=ROUND_UP)


def amount(value: Any) -> Decimal:
    """A quantity as a number.

    Raises: NotAQuantity: it is none.
    """
    text = canonical(value)
    match = _FORM.fullmatch(text)
    if match is None:
        raise NotAQuantity
    sign, digits, suffix = match.groups()
    suffix = suffix or ""
    number = Decimal(digits)
    if suffix in _BINARY:
        number *= 2 ** _BINARY[suffix]
    else:
        number = number.scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))
    return -number if sign == "-" else number


def _in_binary(number: Decimal) -> str:
    """Below 1024 the server falls back to decimal suffixes."""
    if number < 1024 or number != number.to_integral_value():
        return _in_decimal(_rounded(number, -9), exponents=False)
    whole, found = int(number), ""
    for suffix, bits in _BINARY.items():
        if whole % (1 << bits):
            break
        found = suffix
    return f"{whole >> _BINARY[found]}{found}" if found else str(whole)


def _in_decimal(number: Decimal, *, exponents: bool) -> str:
    if not number:
        return "0"
    _, digits, power = number.normalize().as_tuple()
    power = int(power)
    exponent = min(power // 3 * 3, 18)
    whole = int("".join(map(str, digits))) * 10 ** (power - exponent)
    if exponents:
        return f"{whole}e{exponent}" if exponent else str(whole)
    return f"{whole}{_BY_EXPONENT[exponent]}"


@lru_cache(maxsize=4096)
def as_number(value: Any) -> Decimal:
    """The amount of a quantity.

    Raises: NotAQuantity: it is none.
    """
    match = _FORM.fullmatch(str(value))
    if match is None:
        raise NotAQuantity
    sign, digits, suffix = match.groups()
    number = Decimal(f"{sign}{digits}")
    if suffix in _BINARY:
        return Decimal(number * 2 ** _BINARY[suffix])
    suffix = suffix or ""
    return number.scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))
