"""Differences between what is wanted and what is live, as field sets tell how values merge."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.cases import cases
from todoke.compare.drift import compare, same
from todoke.compare.fields import holds, leaves, only, project, set_of, union, without


@cases(Path(__file__).parent / "cases")
def test_drift(case):
    """Each case holds what is wanted, our field set, the live object, and the differences a person would name."""
    found = compare(case["wanted"], case["fields"], case["live"], case.get("held"))

    assert [f"{d.at}: {d.want}, found {d.have}" for d in found] == case["differences"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.text(min_size=1, max_size=4), json_values, max_size=4)


@given(objects)
def test_an_object_never_differs_from_itself(body):
    assert compare(body, set_of(body), body) == ()
    assert same(body, body)


@given(objects)
def test_the_projection_on_all_fields_is_the_object(body):
    assert project(body, set_of(body)) == body


@given(objects, objects)
def test_a_union_holds_what_either_holds_and_without_takes_it_away(first, second):
    both = union(set_of(first), set_of(second))
    for path in leaves(set_of(first)):
        assert holds(both, path)
        assert path not in set(leaves(without(set_of(first), path)))
        assert list(leaves(only(path))) == [path]
