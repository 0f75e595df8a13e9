"""Which jobs of a workflow run for a branch or tag, and why the others do not: cases in YAML, one file a rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cases import cases
from todoke.ci.workbench import Wish, Workbench

BODY = {"docker": [{"image": "a"}], "steps": ["checkout"]}


class Nowhere:
    """No orbs, and no clone."""

    def find(self, reference: str) -> str:
        return f"There is no {reference}"

    def facts(self) -> Mapping[str, Any]:
        return {}

    def text(self, path: str) -> str | None:
        return None

    def changed_since(self, revision: str) -> tuple[str, ...]:
        return ()


@cases(Path(__file__).parent / "deciding")
def test_decides(case: dict[str, Any]) -> None:
    entries = [(one, {}) if isinstance(one, str) else next(iter(one.items())) for one in case["jobs"]]
    jobs = {name: BODY for name, entry in entries if entry.get("type") != "approval"}
    text = json.dumps({"version": 2.1, "jobs": jobs, "workflows": {"all": {"jobs": case["jobs"]}}})
    bench = Workbench(Nowhere(), Nowhere())
    for push in case["pushes"]:
        wish = Wish(branch=push.get("branch", ""), tag=push.get("tag", ""))
        found = bench.compiled(text, wish)
        (workflow,) = bench.workflows(found, wish)
        verdicts = {each.job.name: each for each in workflow.jobs}
        assert [name for name, _ in entries if verdicts[name].runs] == push["runs"], push
        for name, reason in push.get("reasons", {}).items():
            assert verdicts[name].reason == reason
        for name, after in push.get("after", {}).items():
            assert list(verdicts[name].after) == after


def test_a_named_branch_is_the_default_one_by_its_name() -> None:
    bench = Workbench(Nowhere(), Nowhere())
    values = [bench.values(wish)["pipeline.git.branch.is_default"] for wish in (Wish(branch="topic"), Wish(tag="v1"))]
    assert values == [False, False]
    assert bench.values(Wish(branch="main"))["pipeline.git.branch.is_default"] is True
