"""Plain templates: `{{name}}` stands for a parameter. Source: Argo CD, "Templates" of ApplicationSets."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from todoke.generate.refusals import refusal

_OPENING, _CLOSING = "{{", "}}"
_TEMPLATED = re.compile(r"\{\{.*\}\}")  # on one line; a text without is passed as it is
_PLAIN_STEP = re.compile(r"[\w-]+\Z")


def plain(document: Any, parameters: Mapping[str, Any], at: str = "") -> Any:
    """A document with the parameters in all its texts and keys. What names no parameter that is a text, stays.

    Args: at: the document's place in the ApplicationSet, for messages.
    Raises: Blocked: a `{{` is not closed, or two keys become the same.
    """
    return _rendered(document, at, lambda text, place: _text(text, parameters, place))


def has_template(document: Any) -> bool:
    """Whether any text or key in a document may be a template, of either kind."""
    if isinstance(document, str):
        return _OPENING in document
    if isinstance(document, Mapping):
        return any(has_template(key) or has_template(item) for key, item in document.items())
    return isinstance(document, list | tuple) and any(map(has_template, document))


def _rendered(value: Any, at: str, render: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        return render(value, at)
    if isinstance(value, list | tuple):
        return [_rendered(item, f"{at}[{index}]", render) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        place = _step(at, key)
        name = render(key, place)
        if name in made:
            raise refusal(place, f"two keys become {name!r}", "Give them different names")
        made[name] = _rendered(item, place, render)
    return made


def _text(text: str, parameters: Mapping[str, Any], at: str) -> str:
    if not _TEMPLATED.search(text):
        return text
    pieces: list[str] = []
    position = 0
    while (opening := text.find(_OPENING, position)) >= 0:
        closing = text.find(_CLOSING, opening + len(_OPENING))
        if closing < 0:
            raise refusal(at, f"a {{{{ is not closed in {text!r}", "Close it with }}")
        value = _value(text[opening + len(_OPENING) : closing].strip(), parameters)
        end = closing + len(_CLOSING)
        pieces += (text[position:opening], value if isinstance(value, str) else text[opening:end])
        position = end
    return "".join((*pieces, text[position:]))


def _value(name: str, parameters: Mapping[str, Any]) -> Any:
    return parameters.get(name) if name else None


def _step(at: str, key: str) -> str:
    if not _PLAIN_STEP.match(key):
        return f'{at}["{key}"]'
    return f"{at}.{key}" if at else key
