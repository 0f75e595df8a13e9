"""The parameter sets of an ApplicationSet: its generators, those that combine others, and what selects among the sets.

Source: Argo CD, "Generators".
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.generate.git import git_sets
from todoke.generate.making import MOST_SETS, Making, Means, values_of
from todoke.generate.refusals import mapping, refusal, sequence, text
from todoke.generate.selector import selector_of
from todoke.generate.shapes import Conflict, combined, flattened, overridden

Sets = list[dict[str, Any]]

_KINDS = (  # in this order one entry's generators count
    "list",
    "clusters",
    "git",
    "scmProvider",
    "clusterDecisionResource",
    "pullRequest",
    "matrix",
    "merge",
    "plugin",
)
_SUPPORTED = ("list", "git", "matrix", "merge")
_COMBINING = ("matrix", "merge")
_DEEPEST = 1  # one matrix or merge in another, no more


class Batch(msgspec.Struct, frozen=True):
    """Parameter sets of one generator, and the template that it brings for its Applications."""

    sets: tuple[dict[str, Any], ...]
    template: Mapping[str, Any]
    at: str


async def parameter_sets(spec: Mapping[str, Any], means: Means) -> tuple[dict[str, Any], ...]:
    """All parameter sets of an ApplicationSet's spec, in the order of its generators.

    They are nested where the spec has Go templates, flat where it has plain ones.
    Raises: Blocked: a generator fails, is not supported, or wants a repository that is not at hand.
    """
    making = Making(spec, means)
    made = await batches(spec, making)
    check_at_hand(making)
    return tuple(one for batch in made for one in batch.sets)


async def batches(spec: Mapping[str, Any], making: Making) -> list[Batch]:
    """The parameter sets by generator. Where repositories are not at hand, `making.wanted` tells, and sets are missing.

    Raises: Blocked.
    """
    found: list[Batch] = []
    total = 0
    for index, generator in enumerate(sequence(spec.get("generators"), "spec.generators")):
        at = f"spec.generators[{index}]"
        made = await _transformed(making, mapping(generator, at), at, 0)
        total = _counted(total + sum(len(batch.sets) for batch in made), at)
        found.extend(made)
    return found


def check_at_hand(making: Making) -> None:
    """Raises: Blocked: a repository was wanted that was not at hand."""
    if making.wanted:
        raise refusal("spec.generators", "; ".join(making.wanted.values()), "Check its URL, revision and credentials")


async def _transformed(making: Making, generator: Mapping[str, Any], at: str, depth: int) -> list[Batch]:
    """What each generator of an entry makes, and its selector leaves."""
    selects = selector_of(generator.get("selector"), f"{at}.selector")
    found: list[Batch] = []
    for kind in _kinds(generator, at):
        place = f"{at}.{kind}"
        body = mapping(generator[kind], place)
        sets = await _sets(making, kind, body, place, depth)
        kept = tuple(one for one in sets if selects(flattened(one)))
        found.append(Batch(kept, mapping(body.get("template"), f"{place}.template"), place))
    return found


def _kinds(generator: Mapping[str, Any], at: str) -> list[str]:
    named = [name for name, body in generator.items() if name != "selector" and body is not None]
    supported = "Use a list, git, matrix or merge generator"
    if not named:
        raise refusal(at, "names no generator", supported)
    for name in named:
        if name not in _KINDS:
            raise refusal(f"{at}.{name}", f"there is no generator {name}", supported)
        if name not in _SUPPORTED:
            raise refusal(f"{at}.{name}", f"the generator {name} is not supported", supported)
    return sorted(named, key=_KINDS.index)


async def _sets(making: Making, kind: str, body: Mapping[str, Any], at: str, depth: int) -> Sets:
    if kind == "list":
        return _list_sets(making, body, at)
    if kind == "git":
        return await git_sets(making, body, at)
    if depth > _DEEPEST:
        raise refusal(at, "is the third of its kind in each other", "Nest one matrix or merge at most")
    if kind == "matrix":
        return await _matrix_sets(making, body, at, depth)
    return await _merge_sets(making, body, at, depth)


def _list_sets(making: Making, body: Mapping[str, Any], at: str) -> Sets:
    sets: Sets = []
    for index, item in enumerate(sequence(body.get("elements"), f"{at}.elements")):
        place = f"{at}.elements[{index}]"
        element = mapping(item, place)
        sets.append(dict(element) if making.go else _flat_element(element, place))
    more = text(body.get("elementsYaml"), f"{at}.elementsYaml")
    if more:
        place = f"{at}.elementsYaml"
        read = sequence(making.loaded(more.encode(), place, "the text"), place)
        sets.extend(dict(mapping(item, f"{place}[{index}]")) for index, item in enumerate(read))
    return sets


def _flat_element(element: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Values of a plain list are texts, and the only map is `values`."""
    flat: dict[str, Any] = {}
    for key, value in element.items():
        if key == "values":
            flat |= {f"values.{name}": item for name, item in values_of(value, f"{at}.values").items()}
        else:
            if not isinstance(value, str):
                raise refusal(f"{at}.{key}", "is not a text", "Put it in quotes, or set spec.goTemplate")
            flat[key] = value
    return flat


async def _matrix_sets(making: Making, body: Mapping[str, Any], at: str, depth: int) -> Sets:
    """Every set of the first generator with every set that the second makes, knowing the first's."""
    children = _children(body, at)
    if len(children) != 2:
        raise refusal(f"{at}.generators", f"has {len(children)} generators", "A matrix joins exactly two")
    sets: Sets = []
    for first in await _child_sets(making, *children[0], depth):
        second, place = children[1]
        for one in await _child_sets(making, await informed(making, second, first, place), place, depth):
            _counted(len(sets) + 1, at)
            sets.append(_joined(making, first, one, at))
    return sets


def _joined(making: Making, first: dict[str, Any], second: dict[str, Any], at: str) -> dict[str, Any]:
    if making.go:
        return overridden(second, first)
    try:
        return dict(combined(first, second))
    except Conflict as conflict:
        raise refusal(at, f"its generators contradict each other: {conflict}", "Give them different names") from None


async def informed(
    making: Making, generator: Mapping[str, Any], known: Mapping[str, Any], at: str
) -> Mapping[str, Any]:
    """The generator with parameters in it that are known before it runs.

    Its `values` may wait for its own parameters; the template of a generator in another one counts for nothing.
    """
    if not known:
        return generator
    made: dict[str, Any] = {}
    for name, body in generator.items():
        place = f"{at}.{name}"
        if not isinstance(body, Mapping):
            made[name] = body
            continue
        fields = {key: value for key, value in body.items() if key not in ("template", "values")}
        made[name] = await making.rendered(fields, known, place)
        if body.get("values"):
            values = values_of(body["values"], f"{place}.values")
            made[name]["values"] = await making.rendered_early(values, known, f"{place}.values")
    return made


async def _merge_sets(making: Making, body: Mapping[str, Any], at: str, depth: int) -> Sets:
    """The sets of the first generator, each overridden by those of the others that are equal in the merge keys."""
    children = _children(body, at)
    if len(children) < 2:
        raise refusal(f"{at}.generators", f"has {len(children)} generators", "A merge wants two or more")
    keys = [text(key, f"{at}.mergeKeys") for key in sequence(body.get("mergeKeys"), f"{at}.mergeKeys")]
    if not keys:
        raise refusal(f"{at}.mergeKeys", "is empty", "Name the parameters in which the generators agree")
    sets: dict[bytes, dict[str, Any]] | None = None
    for child, place in children:
        found = by_merge_keys(keys, await _child_sets(making, child, place, depth), place)
        if sets is None:
            sets = found
            continue
        for key, one in found.items():
            if key in sets:
                sets[key] = overridden(sets[key], one) if making.go else dict(combined({**sets[key], **one}, {}))
    return list((sets or {}).values())


def by_merge_keys(keys: list[str], sets: Sets, at: str) -> dict[bytes, dict[str, Any]]:
    """The sets by what they say of the merge keys, as JSON. Raises: Blocked: two say the same."""
    found: dict[bytes, dict[str, Any]] = {}
    for one in sets:
        said = msgspec.json.encode({key: one.get(key) for key in keys}, order="deterministic")
        if said in found:
            raise refusal(
                at, f"makes two parameter sets with {said.decode()}", "Add what distinguishes them to mergeKeys"
            )
        found[said] = one
    return found


def _children(body: Mapping[str, Any], at: str) -> list[tuple[Mapping[str, Any], str]]:
    places = enumerate(sequence(body.get("generators"), f"{at}.generators"))
    return [(mapping(child, place), place) for i, child in places for place in (f"{at}.generators[{i}]",)]


async def _child_sets(making: Making, generator: Mapping[str, Any], at: str, depth: int) -> Sets:
    kinds = _kinds(generator, at)
    if len(kinds) > 1:
        raise refusal(at, f"names the generators {' and '.join(kinds)}", "Write one generator per item")
    (batch,) = await _transformed(making, generator, at, depth + 1)
    return list(batch.sets)


def _counted(number: int, at: str) -> int:
    if number > MOST_SETS:
        raise refusal(at, f"makes more than {MOST_SETS} parameter sets", "Select fewer")
    return number
