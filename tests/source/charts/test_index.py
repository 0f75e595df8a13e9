"""Reading index.yaml: cut where it is written as Helm writes it, whole where it is not, the same either way."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.source.charts.servers import HelmServer, chart, index_text
from todoke.source.charts import Charts
from todoke.source.charts.index import BadIndex, ChartVersion, Index, parse

DIGEST = "a" * 64


def read(index: Index) -> Mapping[str, tuple[ChartVersion, ...]]:
    """All of it."""
    return {name: index.versions(name) for name in sorted(index.names)}


EXPECTED = {
    "alpine": (ChartVersion("1.10", ("a.tgz", "https://x/a.tgz"), DIGEST), ChartVersion("0.1.0", ("b.tgz",), "")),
    "nginx": (ChartVersion("1.0.0", ("c.tgz",), ""),),
}

AS_HELM_WRITES_IT = f"""\
apiVersion: v1
entries:
  alpine:
  - created: "2024-01-01T00:00:00Z"
    description: |
      nginx:
      - version: 6.6.6
    digest: {DIGEST}
    name: alpine
    urls:
    - a.tgz
    - https://x/a.tgz
    version: 1.10
  - urls: [b.tgz]
    version: 0.1.0
  nginx:
  - digest: null
    urls:
    - c.tgz
    version: "1.0.0"
generated: "2024-01-01T00:00:00Z"
"""


@pytest.mark.parametrize(
    "text",
    [
        AS_HELM_WRITES_IT,
        AS_HELM_WRITES_IT.replace("\n", "\r\n"),
        AS_HELM_WRITES_IT.replace("\n  ", "\n    ").replace("entries:", "entries: # all"),
        "\ufeff" + AS_HELM_WRITES_IT,
        AS_HELM_WRITES_IT.replace("\n  nginx:", '\n  # a comment\n\n  "nginx":'),
        json.dumps(yaml.load(AS_HELM_WRITES_IT, yaml.BaseLoader)),
        json.dumps(yaml.load(AS_HELM_WRITES_IT, yaml.BaseLoader)).replace('"apiVersion"', "apiVersion"),
        yaml.safe_dump(yaml.load(AS_HELM_WRITES_IT, yaml.BaseLoader), width=20),
        AS_HELM_WRITES_IT.replace("  alpine:", "  ? alpine\n  :"),
        AS_HELM_WRITES_IT.replace("  - urls: [b.tgz]", "  - &anchor\n    urls: [b.tgz]"),
        AS_HELM_WRITES_IT.replace("\n  nginx:\n", "\n  other: []\n  nginx:\n"),
    ],
)
def test_however_it_is_written(text: str) -> None:
    found = {name: versions for name, versions in read(parse(text.encode())).items() if versions}
    assert found == EXPECTED


def test_a_quoted_text_that_looks_like_a_chart() -> None:
    text = 'entries:\n  a:\n  - version: "1"\n    description: "x\n  b:\n  - version: y"\n  c:\n  - version: "2"\n'
    assert [each.version for each in parse(text.encode()).versions("a")] == ["1"]
    assert [each.version for each in parse(text.encode()).versions("c")] == ["2"]


def test_of_two_lists_of_charts_the_last_one_holds() -> None:
    text = "entries:\n  a:\n  - version: 1.0.0\nentries:\n  b:\n  - version: 1.0.0\n"
    assert parse(text.encode()).names == ["b"]


def test_an_anchor_that_is_used_in_another_chart() -> None:
    text = "entries:\n  a:\n  - &one\n    version: 1.0.0\n  b:\n  - *one\n"
    assert [each.version for each in parse(text.encode()).versions("b")] == ["1.0.0"]


@pytest.mark.parametrize("text", ["entries: {}\n", "entries:\n", "apiVersion: v1\nentries: null\n", '{"entries": {}}'])
def test_an_empty_one(text: str) -> None:
    assert parse(text.encode()).names == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html>\n<body>no", "is no index of charts"),
        ("", "is no index of charts"),
        ("apiVersion: v1\n", "it has no map called entries"),
        ("entries: [a]\n", "it has no map called entries"),
        ("entries: {a: b\n", "is not valid YAML"),
        ("\x00\x01", "is not valid YAML"),
        ("entries:\n    a:\n    - version: 1.0.0\n  bbcc:\n  - version: 1.0.0\n", "is not valid YAML"),
        ("[" * 100_000, "is not valid YAML"),
        ("a: " + "{a: " * 100_000, "is not valid YAML"),
    ],
)
def test_what_is_none(text: str, problem: str) -> None:
    with pytest.raises(BadIndex, match=problem):
        parse(text.encode())


@pytest.mark.parametrize("text", ['{"entries": {"a": %s}}', "entries:\n  a:\n  - %s\n", "entries:\n  a: %s\n"])
def test_brackets_without_end(text: str) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    with pytest.raises(BadIndex):
        parse((text % deep).encode()).versions("a")


def test_entries_that_say_too_little_are_left_out() -> None:
    text = "entries:\n  a:\n  - just text\n  - urls: [x]\n  - version: 1.0.0\n  b: nothing\n"
    index = parse(text.encode())
    assert index.versions("a") == (ChartVersion("1.0.0"),)
    assert index.versions("b") == ()


NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=40)
ENTRIES = st.dictionaries(NAMES, st.lists(st.fixed_dictionaries({"version": NAMES, "description": TEXTS})), max_size=5)


@given(ENTRIES, st.sampled_from([20, 80, 10_000]), st.sampled_from([None, True, False]))
@settings(max_examples=60, deadline=None)
def test_cut_or_whole_it_is_the_same(entries: dict[str, list[dict[str, str]]], width: int, flow: bool | None) -> None:
    text = yaml.dump({"entries": entries, "z": 1}, width=width, default_flow_style=flow, Dumper=yaml.CSafeDumper)
    wanted = yaml.load(text, yaml.CBaseLoader)["entries"]
    assert {name: [each.version for each in versions] for name, versions in read(parse(text.encode())).items()} == {
        name: [each["version"] for each in listed if each["version"] not in ("null", "~")]
        for name, listed in wanted.items()
    }


async def test_an_index_of_20_megabytes(charts: Charts, helm: HelmServer) -> None:
    body = chart("chart-50", "1.99.0")
    helm.publish("chart-50", "1.99.0", body)
    noise = random.Random(7)
    described = {"description": "words " * 60, "home": "https://example.com", "keywords": ["a", "b"], "appVersion": "1"}
    entries: dict[str, list[dict[str, object]]] = {}
    for number in range(150):
        name = f"chart-{number}"
        entries[name] = [
            {
                **described,
                "name": name,
                "version": f"1.{minor}.0",
                "urls": [f"{name}-1.{minor}.0.tgz"],
                "digest": noise.randbytes(32).hex(),
            }
            for minor in range(99)
        ]
    while sum(map(len, entries.values())) < 34_000:
        entries[f"more-{len(entries)}"] = entries["chart-0"]
    entries["chart-50"].insert(0, helm.entries["chart-50"][0])
    text = index_text(entries)
    assert len(text) > 20_000_000
    helm.files["/charts/index.yaml"] = gzip.compress(text, 1)
    helm.extra_headers = {"Content-Encoding": "gzip"}
    assert await charts.resolve(helm.repository, "chart-50", "^1") == "1.99.0"
    assert await charts.archive(helm.repository, "chart-50", "1.99.0") == body
