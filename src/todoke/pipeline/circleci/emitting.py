"""The compiled configuration as the hosted compiler prints it."""

from collections.abc import Iterable
from typing import Any

import yaml

from todoke.model.job_graphs import Orb
from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.substitution import Expanded

_ENDLESS = 1 << 30


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Texts of several lines as blocks, no anchors, no folding."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def _map(dumper: Any, value: Map) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())


def _list(dumper: Any, value: Seq) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Map, _map)
for _kind in (Seq, Expanded):
    _Dumper.add_representer(_kind, _list)


def text_of(document: Map, orbs: Iterable[Orb] = ()) -> str:
    """YAML with a line for each orb on where it came from."""
    body: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_ENDLESS, default_flow_style=False
    )
    return "".join(f"{line}\n" for line in headers(orbs)) + body


def headers(orbs: Iterable[Orb]) -> list[str]:
    """What is said of orbs before the text. A stand-in of ours is never called a resolved version."""
    lines = []
    for orb in orbs:
        if orb.origin == "built-in":
            lines.append(f"# Orb '{orb.reference}' is stood in for by todoke's built-in {orb.resolved}")
        elif orb.origin != "inline":
            place = f", from {orb.place}" if orb.place else ""
            lines.append(f"# Orb '{orb.reference}' resolved to '{orb.resolved}'{place}")
    return lines
