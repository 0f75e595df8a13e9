"""Reading live objects that may lack any part, or hold another type where we expect one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from todoke.model.health import Health, HealthState

Body = Mapping[str, Any]


def part(body: Body, *path: str) -> Body:
    """The mapping at the path, empty when there is none."""
    found: Any = body
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def parts(body: Body, name: str) -> Iterator[Body]:
    """The mappings in the list of that name."""
    found = body.get(name)
    if isinstance(found, Sequence) and not isinstance(found, str):
        yield from (item for item in found if isinstance(item, Mapping))


def has(body: Body, name: str) -> bool:
    """Whether the list of that name holds anything."""
    return next(parts(body, name), None) is not None


def number(body: Body, name: str, default: int = 0) -> int:
    """The whole number of that name, else the default."""
    found = body.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def text(body: Body, name: str) -> str:
    """The text of that name, else ""."""
    found = body.get(name)
    return found if isinstance(found, str) else ""


def condition(body: Body, kind: str) -> Body:
    """The condition of that type in the object's status, empty when there is none."""
    return next((item for item in parts(part(body, "status"), "conditions") if item.get("type") == kind), {})


def is_true(found: Body) -> bool:
    """Whether a condition holds."""
    return found.get("status") == "True"


def behind(body: Body) -> bool:
    """Whether the controller has not yet looked at the newest spec."""
    seen = number(part(body, "status"), "observedGeneration")
    return number(part(body, "metadata"), "generation") > seen


def progressing(message: str) -> Health:
    """On its way, for the reason given."""
    return Health(HealthState.PROGRESSING, message)


def degraded(message: str) -> Health:
    """Broken, for the reason given."""
    return Health(HealthState.DEGRADED, message)


def suspended(message: str) -> Health:
    """Stopped on purpose."""
    return Health(HealthState.SUSPENDED, message)


NOT_SEEN = progressing("its controller has not seen the newest spec yet")
