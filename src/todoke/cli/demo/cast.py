"""A terminal recording as text. Source of the format: asciinema, "asciicast v2"."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self


class Cast:
    """Writes a recording while it happens: a header line, then a line of time, `o` and text for each output.

    It stands under its name once it is kept; one that was broken off leaves what was there before.
    """

    def __init__(self, path: Path, width: int, height: int, now: Callable[[], float] = time.monotonic) -> None:
        """Opens the file. Raises: OSError: it cannot be written."""
        self._path, self._unfinished = path, path.with_name(f"{path.name}.part")
        self._file = self._unfinished.open("w", encoding="utf-8")
        self._now, self._began = now, now()
        header = {"version": 2, "width": width, "height": height, "timestamp": int(time.time()), "title": "todoke demo"}
        self._line(header | {"env": {"TERM": "xterm-256color"}})

    def write(self, text: str) -> None:
        """What appears on the terminal now. A recording has no terminal driver: line ends are written out."""
        seconds = round(self._now() - self._began, 3)
        self._line([seconds, "o", text.replace("\r\n", "\n").replace("\n", "\r\n")])

    def keep(self) -> None:
        """The recording is complete."""
        self._file.close()
        self._unfinished.replace(self._path)

    def _line(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._unfinished.unlink(missing_ok=True)
