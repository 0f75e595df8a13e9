"""The Telemetry port: every room is given one and counts what it does."""

from typing import Protocol


class Telemetry(Protocol):
    """Counters and durations. Names are metric names, labels are few and bounded."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Record one duration in seconds."""


class Silent:
    """Telemetry that goes nowhere."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Do nothing."""

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Do nothing."""
