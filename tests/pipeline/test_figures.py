"""The figures in the reference are those of the corpus."""

from __future__ import annotations

import pytest

from tests.cases import CORPUS
from tests.pipeline.figures import BEGIN, END, PAGE, table

pytestmark = pytest.mark.slow

FILES = 292


def test_the_page_has_the_figures_of_today() -> None:
    if not CORPUS.is_dir():
        pytest.skip("the corpus is not beside this checkout (../shared/corpus)")
    if len(list(CORPUS.glob("circleci/**/*.yml"))) != FILES:
        pytest.skip("the figures are of another corpus than the one beside this checkout")
    page = PAGE.read_text()
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table(), "python -m tests.pipeline.figures --write"
