"""What holds for all parameters and templates."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.generate.repositories import no_engine, repositories
from todoke.generate import Means, applications, parameter_sets, plain
from todoke.generate.git import normalized
from todoke.generate.shapes import flattened, go_text
from todoke.model.errors import Blocked
from todoke.render.kubernetes_yaml import load

words = st.text(st.sampled_from("ab{} .\n"), max_size=12)
names = st.sampled_from(["a", "b", "ab", "x.y"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
means = Means(repositories({}), no_engine, load)


@given(words, st.dictionaries(names, words))
def test_a_plain_template_takes_parameters_once_and_leaves_the_rest(template: str, parameters: dict[str, str]) -> None:
    try:
        made = plain(template, parameters)
    except Blocked:
        return
    if "{{" not in template:
        assert made == template
    assert plain(template, {}) == template
    marked = {name: f"<{name}>" for name in parameters}
    known = re.compile("|".join(rf"<{re.escape(name)}>" for name in parameters) or "(?!)")
    assert made == known.sub(lambda found: parameters[found[0][1:-1]], plain(template, marked))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_as_go_prints_it_is_the_same_number(number: float) -> None:
    printed = go_text(number)

    assert float(printed) == number
    assert re.fullmatch(r"-?(\d\.\d*[1-9]e[+-]\d{2,3}|\de[+-]\d{2,3}|\d{1,6}(\.\d*[1-9])?)", printed), printed


@given(st.dictionaries(names, values, max_size=3))
def test_flattened_parameters_are_texts(nested: dict[str, Any]) -> None:
    flat = flattened(nested)

    assert all(isinstance(value, str) for value in flat.values())
    assert flattened(flat) == flat


@given(st.text(max_size=300))
def test_a_normalized_name_stays_as_it_is(name: str) -> None:
    made = normalized(name)

    assert normalized(made) == made
    assert re.fullmatch(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?", made)


@given(st.lists(st.integers(0, 9), max_size=5, unique=True), st.lists(st.integers(0, 9), max_size=5, unique=True))
def test_a_matrix_is_a_product_in_order(first: list[int], second: list[int]) -> None:
    generators = [{"list": {"elements": [{n: str(i)} for i in items]}} for n, items in (("a", first), ("b", second))]
    made = asyncio.run(parameter_sets({"generators": [{"matrix": {"generators": generators}}]}, means))

    assert [(one["a"], one["b"]) for one in made] == [(str(a), str(b)) for a in first for b in second]


GENERATORS = ["list", "git", "matrix", "merge", "generators", "elements", "elementsYaml", "mergeKeys", "selector"]
GIT = ["matchLabels", "matchExpressions", "files", "path", "directories", "repoURL", "template", "values"]
TEMPLATE = ["metadata", "name", "labels", "finalizers", "spec", "destination", "server", "source", "valuesObject"]
fields = st.sampled_from([*GENERATORS, *GIT, *TEMPLATE])
bodies = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "*", "[", "a", "{{a}}", "{{a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=12,
)
element = st.dictionaries(names, words, max_size=2)


@given(bodies, bodies, element, st.none() | words | st.just("metadata: {finalizers: a}"))
def test_whatever_is_written_is_answered(generator: Any, template: Any, item: dict[str, str], patch: Any) -> None:
    generators = [generator, {"list": {"elements": [item]}}]
    found = repositories({"a": {"a/b": "a: b", "c": "["}})
    for used in (generators, generators[1:]):
        spec = {"generators": used, "template": template, "templatePatch": patch}
        made = asyncio.run(applications({"metadata": {"name": "a"}, "spec": spec}, found, no_engine, load))

        assert (
            made.problems or made.applications or not asyncio.run(parameter_sets(spec, Means(found, no_engine, load)))
        )
        assert not (made.failed and made.applications)
