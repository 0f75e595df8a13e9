"""Schedules of CronJobs: five fields, or a word for some of them, in a time zone.

Source: Kubernetes documentation, "CronJob": "Schedule syntax", "Time zones".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY: Final = re.compile(r"@every ((?:\d+(?:\.\d+)?(?:h|m|s))+)")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1}


class BadSchedule(ValueError):
    """The text is no schedule."""


class UnknownZone(ValueError):
    """There is no time zone of this name."""


@dataclass(frozen=True)
class Schedule:
    """Attributes: fields: five of them; empty where a time comes round every so often. zone: whose clock counts."""

    fields: str
    zone: tzinfo
    every: timedelta = timedelta()

    def after(self, time: datetime) -> datetime | None:
        """The first time after another; None when there is none within fifty years."""
        if self.every:
            return time.replace(microsecond=0) + self.every
        found = next(CronSim(self.fields, time.astimezone(self.zone)), None)
        return None if found is None else found.astimezone(UTC)


def read(text: str, zone: str) -> Schedule:
    """The schedule that a text stands for. Args: zone: the name of a time zone, empty for UTC.

    Raises: BadSchedule, UnknownZone.
    """
    clock = _clock(zone)
    text = text.strip()
    if every := _EVERY.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(every[1]))
        return Schedule("", clock, timedelta(seconds=max(1.0, seconds)))
    fields = _WORDS.get(text, text).replace("?", "*")
    if len(fields.split()) != 5:
        raise BadSchedule(f"expected exactly 5 fields, found {len(fields.split())}: [{' '.join(fields.split())}]")
    try:
        CronSim(fields, datetime.now(clock))
    except CronSimError as error:
        raise BadSchedule(str(error)) from error
    return Schedule(fields, clock)


def local(time: datetime, zone: str) -> datetime:
    """A time by the clock of a zone."""
    return time.astimezone(_clock(zone))


def _clock(zone: str) -> tzinfo:
    if not zone:
        return UTC
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(f"unknown time zone {zone}") from error
