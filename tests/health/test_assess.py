"""Each case file is a live object and the health that it has."""

from datetime import UTC, datetime
from pathlib import Path

from tests.cases import cases
from todoke.health.assess import assess

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@cases(Path(__file__).parent / "cases")
def test_health(case):
    found = assess(case["live"], NOON)

    said = (found.state.name.lower(), found.message) if found else ("none", "")
    assert said == (case["health"], case.get("message", ""))
