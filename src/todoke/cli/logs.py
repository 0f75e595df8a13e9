"""How the controller's log looks: one line a fact, with its fields; JSON where no terminal reads it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def start_logging(level: str) -> None:
    """Send the log to stderr. Raises: ValueError: the level is none of debug, info, warning, error."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"log_level={level!r}: expected debug, info, warning or error")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Words() if sys.stderr.isatty() else Json())
    logging.basicConfig(level=number, handlers=[handler], force=True)


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        facts = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        facts |= _fields(record) | _trace(self, record)
        return json.dumps(facts, ensure_ascii=False, default=str)


class Words(logging.Formatter):
    """For a person: time, level, event, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line, a traceback below it."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():<7} {record.getMessage()}{fields}"
        trace = _trace(self, record)
        return f"{line}\n{trace['traceback']}" if trace else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    return {"traceback": formatter.formatException(record.exc_info)} if record.exc_info else {}
