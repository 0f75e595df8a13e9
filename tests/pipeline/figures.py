"""The figures of docs/reference/ci.md, from the corpus beside the checkout.

    python -m tests.pipeline.figures        # prints the table; --write puts it into the page

A test holds the page to it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tests.cases import CORPUS
from tests.pipeline.test_corpus import comparable, compile_file, equal_beside_orbs
from tests.pipeline.test_expressions import outcome
from todoke.pipeline.circleci.emitting import text_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "ci.md"
BEGIN, END = "<!-- figures: python -m tests.pipeline.figures --write -->", "<!-- end of figures -->"
_REASONS = (
    ("in the orb registry", "an orb that is not there"),
    ("Cannot find", "a name that leads nowhere"),
    ("Unable to parse YAML", "no YAML"),
    ("There are no workflows", "nothing to run"),
    ("does not exist", "a value that is not declared"),
    ("extraneous key", "a key that is not permitted"),
)


def table() -> str:
    """All figures as a table in Markdown."""
    pairs = sorted(CORPUS.glob("circleci/process/*/config.yml"))
    values, texts = zip(*(_pair(path) for path in pairs), strict=True)
    beside = Counter(equal_beside_orbs(path) for path in sorted(CORPUS.glob("circleci/process-orbs/*/config.yml")))
    rows = [
        ("pairs of source and compiled form, without published orbs", "values", f"{sum(values)} of {len(pairs)}"),
        ("the same", "text", f"{sum(texts)} of {len(pairs)}"),
        (
            "pairs with published orbs, built-in ones in their place",
            "all but the orbs' own steps",
            f"{beside['equal']} of {beside['equal']}; {beside['refused']} need an orb that is not there",
        ),
        ("expressions of the public specification", "value, or error with its place", _expressions()),
        ("the article's configurations", "compiled, or refused for their real fault", _article()),
        ("files of the wild", "compiled, or refused for a reason", _wild()),
    ]
    lines = [f"| {cases} | {compared} | {figure} |" for cases, compared, figure in rows]
    return "\n".join(["| cases | compared | equal |", "|---|---|---|", *lines])


def _pair(path: Path) -> tuple[bool, bool]:
    found, expected = compile_file(path), (path.parent / "compiled.yml").read_text()
    if found.document is None:
        return False, False
    text = text_of(found.document)
    equal = comparable(yaml.safe_load(text)) == comparable(yaml.safe_load(expected))
    return equal, text.strip() == expected.strip()


def _expressions() -> str:
    cases: list[dict[str, Any]] = [
        json.loads(line) for line in (CORPUS / "circleci" / "expressions.jsonl").read_text().splitlines()
    ]
    equal = sum(outcome(case["expression"], case["environment"]) == case["expected"] for case in cases)
    return f"{equal} of {len(cases)}"


def _article() -> str:
    found = [compile_file(path) for path in sorted(CORPUS.glob("seed/app-configs/*.yml"))]
    good = sum(one.document is not None for one in found)
    return f"{good} compiled, {len(found) - good} use gcp-gcr and do not import it"


def _wild() -> str:
    found = [compile_file(path) for path in sorted(CORPUS.glob("circleci/wild/*.yml"))]
    refused = Counter(_reason(one.errors[0].text) for one in found if one.document is None)
    reasons = ", ".join(f"{count} {reason}" for reason, count in refused.most_common())
    return f"{sum(one.document is not None for one in found)} of {len(found)} compiled; refused for {reasons}"


def _reason(text: str) -> str:
    return next((reason for part, reason in _REASONS if part in text), "another fault of the file")


def main() -> None:
    """Print the table, or write it into the page."""
    if "--write" not in sys.argv:
        print(table())
        return
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
