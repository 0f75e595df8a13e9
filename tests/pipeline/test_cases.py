"""What configurations compile to, and what is said of those that do not: cases in YAML, one file a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cases import cases
from todoke.model.job_graphs import OrbText
from todoke.pipeline.circleci.compiling import Compiled, Options, compiled
from todoke.pipeline.circleci.values import defaults


def compile_case(case: dict[str, Any]) -> Compiled:
    """Keys of a case: config, parameters, pipeline (values without `pipeline.`), orbs (texts by reference)."""
    orbs = case.get("orbs") or {}

    def find(reference: str) -> OrbText | str:
        if reference in orbs:
            return OrbText(orbs[reference], reference, "folder", f"orbs/{reference}.yml")
        return "Provide it"

    values = defaults() | {f"pipeline.{name}": value for name, value in (case.get("pipeline") or {}).items()}
    return compiled(case["config"], Options(case.get("parameters") or {}, values), find)


def told(found: Compiled, level: str) -> list[dict[str, Any]]:
    """Problems as cases write them: text, at (line:column), hint and within where they are."""
    listed = []
    for problem in found.problems:
        if problem.level == level:
            mark = problem.mark
            one: dict[str, Any] = {"text": problem.text}
            if mark:
                one["at"] = f"{mark.file + ':' if mark.file else ''}{mark.line}:{mark.column}"
            listed.append(one | ({"hint": problem.hint} if problem.hint else {}))
    return listed


@cases(Path(__file__).parent / "cases")
def test_compiles(case: dict[str, Any]) -> None:
    found = compile_case(case)
    for level in ("error", "warning"):
        wanted = case.get(f"{level}s", [])
        have = told(found, level)
        assert [
            {key: one[key] for key in expected if key in one} for one, expected in zip(have, wanted, strict=False)
        ] == (wanted), have
        assert len(have) == len(wanted), have
    if "compiled" in case:
        assert found.document is not None
        assert plain(found.document) == case["compiled"]


def plain(value: Any) -> Any:
    """Maps and lists without their places."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
