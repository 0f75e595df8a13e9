"""The examples in the help of `todoke diff` and `todoke render` do what they say."""

from __future__ import annotations

import pytest

from tests.cli.test_program import example_lines, words_of
from tests.review.conftest import Project, application, config_map
from tests.review.test_diff import CHART, KUSTOMIZATION
from tests.source.test_clone import git
from todoke.cli.review import diff, render

EXAMPLES = [line for module in (diff, render) for line in example_lines(module.command.epilog or "")]
LINES = [line for line in EXAMPLES if "--kubeconfig" not in line]  # with a cluster: tests/cluster/test_review.py


@pytest.mark.parametrize("line", LINES)
def test_it_runs(project: Project, line: str) -> None:
    project.commit({
        **CHART, **KUSTOMIZATION,
        "charts/shop/values/production.yaml": "colour: red\n",
        "deploy/shop/a.yaml": config_map("a"),
        "apps/shop/app.yaml": application("shop", "deploy/shop"),
        "apps/shop.yaml": application("chart", "charts/shop"),
    })  # fmt: skip
    git(project.folder, "tag", "v1.2")
    git(project.folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    project.branch("my-branch")
    project.commit({"deploy/shop/a.yaml": config_map("a", x="1")})
    result = project.run(*words_of(line))
    assert result.exit_code == (1 if line.startswith("todoke diff") else 0), result.output
    assert result.stdout
