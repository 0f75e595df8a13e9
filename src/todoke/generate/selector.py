"""Label selectors over parameters, which may hold what labels may not. Source: Kubernetes, "Label selectors"."""

from collections.abc import Callable, Mapping
from typing import Any

from todoke.generate.refusals import mapping, refusal, sequence, text

Selector = Callable[[Mapping[str, str]], bool]

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def selector_of(value: Any, at: str) -> Selector:
    """Whether flat parameters are chosen; all of them are where there is no selector.

    Raises: Blocked: it is not a selector.
    """
    body = mapping(value, at)
    wanted = {key: text(item, f"{at}.matchLabels.{key}") for key, item in _labels(body, at).items()}
    rules = [
        _rule(mapping(item, place), place)
        for index, item in enumerate(sequence(body.get("matchExpressions"), f"{at}.matchExpressions"))
        for place in (f"{at}.matchExpressions[{index}]",)
    ]
    return lambda flat: all(flat.get(key) == item for key, item in wanted.items()) and all(rule(flat) for rule in rules)


def _labels(body: Mapping[str, Any], at: str) -> Mapping[str, Any]:
    return mapping(body.get("matchLabels"), f"{at}.matchLabels")


def _rule(body: Mapping[str, Any], at: str) -> Selector:
    key, operator = text(body.get("key"), f"{at}.key"), text(body.get("operator"), f"{at}.operator")
    values = [text(item, f"{at}.values[{i}]") for i, item in enumerate(sequence(body.get("values"), f"{at}.values"))]
    if operator not in _OPERATORS:
        raise refusal(f"{at}.operator", f"{operator!r} is no operator", f"Use one of {', '.join(_OPERATORS)}")
    if bool(values) is not (operator in ("In", "NotIn")):
        raise refusal(f"{at}.values", f"{operator} wants {'no' if values else 'some'} values", "Change the values")
    if operator == "In":
        return lambda flat: flat.get(key) in values
    if operator == "NotIn":
        return lambda flat: flat.get(key) not in values
    return lambda flat: (key in flat) is (operator == "Exists")
