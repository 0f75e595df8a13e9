"""Fixtures for the scripts of built-in orbs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.orbs.machines import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a Dockerfile in its project."""
    made = Machine(tmp_path)
    (made.project / "Dockerfile").write_text("FROM scratch\n")
    return made
