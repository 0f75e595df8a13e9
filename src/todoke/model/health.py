"""How well an object is doing, worst last, so that max() of many is the health of the whole.

Order of severity: Argo CD, Healthy < Suspended < Progressing < Missing < Degraded < Unknown.
"""

import enum

import msgspec


class HealthState(enum.IntEnum):
    HEALTHY = 0
    SUSPENDED = 1
    PROGRESSING = 2
    MISSING = 3
    DEGRADED = 4
    UNKNOWN = 5

    @property
    def word(self) -> str:
        """As it stands in an application's status: `Healthy`."""
        return self.name.capitalize()


class Health(msgspec.Struct, frozen=True):
    """State of one object or application, with a reason a person can act on."""

    state: HealthState
    message: str = ""


HEALTHY = Health(HealthState.HEALTHY)
