"""Objects as lines, and what differs between them as people read it."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any, Final

import yaml

_FIRST: Final = ("apiVersion", "kind", "metadata", "name", "namespace")
_CONTEXT: Final = 3


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Texts of several lines as blocks, lists indented as people write them."""


def _text(dumper: Any, value: str) -> Any:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def lines(body: Mapping[str, Any] | None) -> list[str]:
    """An object as YAML, in the order in which people write it."""
    if body is None:
        return []
    text: str = yaml.dump(_ordered(body), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text.splitlines()


def _ordered(value: Any) -> Any:
    """Maps with what names them first."""
    if isinstance(value, Mapping):
        names = [name for name in _FIRST if name in value]
        return {name: _ordered(value[name]) for name in [*names, *(name for name in value if name not in names)]}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def hunks(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, most: int) -> Iterator[str]:
    """The lines that differ, with `-` and `+`, and three around them; `most` at most, then how many are left out."""
    if old is None or new is None:
        sign = "+" if old is None else "-"
        found = [f"{sign} {line}" for line in lines(new if old is None else old)]
    else:
        found = [*_differing(lines(old), lines(new))]
    yield from found[:most]
    if len(found) > most:
        yield f"… {len(found) - most} more lines"


def _differing(old: list[str], new: list[str]) -> Iterator[str]:
    first = True
    for line in unified_diff(old, new, n=_CONTEXT, lineterm=""):
        if line.startswith(("--- ", "+++ ")) and first:
            continue
        if line.startswith("@@"):
            if not first:
                yield "  …"
            first = False
            continue
        yield f"{line[0]} {line[1:]}"
