"""Table cases from YAML files, one per file and named after what it shows, and cases of the corpus."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
"""Recorded behaviour of other systems. It lies beside the repository; tests that need it skip without it."""

_NO_CORPUS = pytest.mark.skip(reason="the corpus is not beside this checkout (../shared/corpus)")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """One YAML document."""
    return yaml.load(text, Loader=_Loader)


def cases(folder: Path) -> pytest.MarkDecorator:
    """Run a test once per YAML file of the folder, as its argument `case`; ids are the files' stems."""
    files = sorted(folder.glob("*.yaml"))
    assert files, f"no cases in {folder}"
    return pytest.mark.parametrize("case", [pytest.param(load(file.read_text()), id=file.stem) for file in files])


def corpus_cases(pattern: str, only: Callable[[dict[str, Any]], bool]) -> pytest.MarkDecorator:
    """Run a test once per chosen document of the matching corpus files; skipped without a corpus."""
    if not CORPUS.is_dir():
        return pytest.mark.parametrize("case", [pytest.param({}, id="absent", marks=_NO_CORPUS)])
    params = [pytest.param(case, id=case["id"]) for case in _documents(pattern) if only(case)]
    assert params, f"no case of {pattern} was chosen"
    return pytest.mark.parametrize("case", params)


def corpus_file(name: str) -> Path:
    """A file of the corpus; skips the test when it is absent."""
    file = CORPUS / name
    if not file.is_file():
        pytest.skip(f"no {name} in the corpus (../shared/corpus)")
    return file


def _documents(pattern: str) -> Iterator[dict[str, Any]]:
    for file in sorted(CORPUS.glob(pattern)):
        for document in yaml.load_all(file.read_text(), Loader=_Loader):
            if document:
                yield document
