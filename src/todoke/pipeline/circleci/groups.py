"""Job groups: several jobs that a workflow invokes as one. Source: CircleCI, "Configuration reference", "job-groups".

A group is written out as its jobs between two jobs that do nothing: `<group>-start`, which takes the requirements of
the invocation, and `<group>-end`, which others require when they require the group. With a serial-group the first one
takes its lock, and `<group>-unlock` gives it back however the group ends. These names are ours: no example shows them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from todoke.pipeline.circleci.document import Map, Seq
from todoke.pipeline.circleci.invocations import Instance
from todoke.pipeline.circleci.problems import Mark, Report, nearest
from todoke.pipeline.circleci.substitution import rendered

_KEYS: Final = ("requires", "filters", "name", "serial-group")

Read = Callable[[Any, Mark | None], Iterator[Instance]]
"""The instances of one entry of jobs:"""


def written_out(name: str, group: Any, given: Map, mark: Mark | None, read: Read, report: Report) -> list[Instance]:
    """All jobs of a group with those around it. Args: given: what the invocation says."""
    listed = _listed(name, group, given, mark, report)
    if listed is None:
        return []
    prefix = rendered(given["name"]) if "name" in given else name
    inner = [one for item, at in listed.placed() for one in read(item, at)]
    if "name" in given:
        _prefixed(inner, prefix)
    lock = given.get("serial-group")
    start = _around(f"{prefix}-start", "lock" if lock else "no-op", lock, given, mark)
    start.requires = _required(given)
    if start.requires:
        start.kept.put("requires", Seq(mark), mark, mark)
    for one in inner:
        if not one.requires:
            _require(one, [start.base], mark)
    end = _around(f"{prefix}-end", "no-op", None, given, mark)
    _require(end, _leaves(inner), mark)
    end.group = prefix
    found = [start, *inner, end]
    if lock:
        unlock = _around(f"{prefix}-unlock", "unlock", lock, given, mark)
        _require(unlock, [end.base], mark, "terminal")
        found.append(unlock)
    _filter(inner, given)
    return found


def _listed(name: str, group: Any, given: Map, mark: Mark | None, report: Report) -> Seq | None:
    for key in given:
        if key not in _KEYS:
            text = f"extraneous key [{key}] is not permitted where the job group {name} is invoked"
            report.error(text, given.key_at(key), nearest(key, _KEYS))
    listed = group.get("jobs") if isinstance(group, Map) else None
    if isinstance(listed, Seq) and listed:
        return listed
    report.error(f"The job group {name} needs a list jobs:", mark)
    return None


def _filter(inner: Sequence[Instance], given: Map) -> None:
    """Give the group's filters to those of its jobs that have none."""
    for one in inner:
        if "filters" in given and "filters" not in one.kept:
            one.kept.put("filters", given["filters"], given.key_at("filters"), given.value_at("filters"))


def _around(name: str, kind: str, lock: Any, given: Map, mark: Mark | None) -> Instance:
    body, kept = Map(mark), Map(mark)
    body.put("type", kind)
    if lock is not None:
        body.put("key", lock)
    if "filters" in given:
        kept.put("filters", given["filters"], given.key_at("filters"), given.value_at("filters"))
    return Instance(name, name, body, kept, mark)


def _required(given: Map) -> list[tuple[str, Any, Mark | None]]:
    listed = given.get("requires")
    items = listed if isinstance(listed, list) else [] if listed is None else [listed]
    return [
        (next(iter(item)) if isinstance(item, Map) and item else rendered(item), item, given.value_at("requires"))
        for item in items
    ]


def _require(one: Instance, names: Sequence[str], mark: Mark | None, status: str = "") -> None:
    for name in names:
        item: Any = name
        if status:
            item = Map(mark)
            item.put(name, status)
        one.requires.append((name, item, mark))
    one.kept.put("requires", Seq(mark), mark, mark)


def _leaves(inner: Sequence[Instance]) -> list[str]:
    """The jobs that no other job of the group waits for."""
    waited = {name for one in inner for name, _, _ in one.requires}
    return [one.base for one in inner if one.base not in waited and one.group not in waited]


def _prefixed(inner: Sequence[Instance], prefix: str) -> None:
    names = {one.base: f"{prefix}-{one.base}" for one in inner}
    for one in inner:
        one.base = one.name = names[one.base]
        one.requires = [
            (names.get(name, name), names.get(name, item) if isinstance(item, str) else item, at)
            for name, item, at in one.requires
        ]
