"""Go templates in documents, by the real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from todoke.model.errors import Blocked
from todoke.render.templates import Evaluate, evaluator
from todoke.render.worker import Limits, Workers, program


@pytest.fixture
async def evaluate() -> AsyncIterator[Evaluate]:
    """Evaluates with small limits."""
    path = program()
    if path is None:
        pytest.fail("there is no render worker: `make setup` builds it")
    workers = Workers(path, Limits(processes=1, memory_mib=256, seconds=10.0))
    yield evaluator(workers)
    await workers.close()


async def test_every_text_and_key_is_rendered_and_all_else_passes(evaluate: Evaluate):
    document = {
        "{{ .name }}-key": ["{{ .name | upper }}", 12345678901234567890, 0.1, True, None, [], {}],
        "plain": {"inner": "<&> {{ .list }} {{ .large }} {{ .missing }}"},
    }
    made = await evaluate(document, {"name": "shop", "list": ["a", 1], "large": 3_000_000}, ())

    assert made == {
        "shop-key": ["SHOP", 12345678901234567890, 0.1, True, None, [], {}],
        "plain": {"inner": "<&> [a 1] 3e+06 <no value>"},
    }


async def test_a_text_alone_is_a_document(evaluate: Evaluate):
    assert await evaluate("{{ range .l }}[{{ . }}]{{ end }}", {"l": ["a", "b"]}, ()) == "[a][b]"


async def test_a_parameter_may_have_any_name(evaluate: Evaluate):
    data = {"document": "its own", "data": "too", "template": "{{ .data }}"}

    assert await evaluate(["{{ .document }} {{ .data }} {{ .template }}"], data, ()) == ["its own too {{ .data }}"]


async def test_texts_do_not_know_what_others_define(evaluate: Evaluate):
    with pytest.raises(Blocked, match='template "x" not defined'):
        await evaluate({"a": '{{ define "x" }}secret{{ end }}', "b": '{{ template "x" }}'}, {}, ())


FAILURES: dict[str, tuple[Any, str, str]] = {
    "a missing key": ({"spec": {"source": {"path": "{{ .x }}"}}}, "spec.source.path", 'no entry for key "x"'),
    "a missing key in a list": ({"a/b": ["", "{{ .x }}"]}, '["a/b"][1]', 'no entry for key "x"'),
    "an unknown function": ({"a": "{{ env }}"}, "a", 'function "env" not defined'),
    "a key": ({"labels": {"{{.}": ""}}, 'labels["{{.}"]', "bad character"),
    "a text": ("{{ .x }}", "", 'no entry for key "x"'),
    "keys that become the same": ({"a": 1, "{{ .a }}": 2}, "", 'two keys become "a"'),
    "more memory than there is": ({"a": '{{ repeat 2000000000 "x" }}'}, "", "memory"),
}


@pytest.mark.parametrize(("document", "field", "problem"), FAILURES.values(), ids=FAILURES)
async def test_failures_name_their_place(evaluate: Evaluate, document: Any, field: str, problem: str):
    with pytest.raises(Blocked) as caught:
        await evaluate(document, {"a": "a"}, ["missingkey=error"])

    assert caught.value.field == field
    assert problem in caught.value.problem
