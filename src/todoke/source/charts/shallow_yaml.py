"""Reading YAML that strangers wrote. PyYAML's parser in C recurses, and a text of brackets would end the process."""

import re
from typing import Any

import yaml

_DEEPEST = 100
_OPENS = re.compile(rb"[\[{]")
_INDENT = re.compile(rb"^[ \t?:-]*", re.M)


def load(text: bytes) -> Any:
    """Texts, lists and maps; each scalar as it was written.

    Raises: yaml.YAMLError: it is no YAML. ValueError: it is no UTF-8, or its lists and maps are nested too deep.
    """
    most = len(_OPENS.findall(text)) + max(len(match[0]) for match in _INDENT.finditer(text))
    if most > _DEEPEST:  # it may be: only then all is looked at twice
        _check_depth(text)
    return yaml.load(text, yaml.CBaseLoader)  # noqa: S506 -- makes nothing but texts, lists and maps


def _check_depth(text: bytes) -> None:
    depth = 0
    for event in yaml.parse(text, yaml.CBaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("is nested too deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
