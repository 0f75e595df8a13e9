"""The same requests to the sandbox's functions and to a real API server: objects, owners and refusals are the same."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.cluster.control_plane import ControlPlane
from tests.sandbox.conftest import Json, Twin, place
from todoke_sandbox.schema.loader import Schemas

pytestmark = pytest.mark.plane


def _verb(step: Json) -> tuple[str, Any, Json]:
    (verb,) = set(step) & {"apply", "create", "put", "edit", "merge", "strategic", "json"}
    return verb, step[verb], {name: value for name, value in step.items() if name != verb}


@cases(Path(__file__).parent / "cases" / "contract")
def test_step_by_step_like_the_real_server(case: Json, plane: ControlPlane, quiet: str, known: Schemas) -> None:
    """Each case is a sequence of requests to one object; both sides are compared after each."""
    twin = Twin(plane, place(known, case["kind"], quiet), f"t-{secrets.token_hex(4)}")
    for step in case["steps"]:
        verb, body, options = _verb(step)
        if version := options.pop("version", ""):
            twin.move(place(known, case["kind"], quiet, version))
        twin.step(verb, body, **options)
