"""Archives and indexes on disk, by their digest, and short facts about them. All of it can be lost."""

import contextlib
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

import msgspec

log = logging.getLogger(__name__)

_MOST_FACTS = 20_000
_PARTIAL = ".partial"


class Disk:
    """A private folder of one process. What was used longest ago makes room; a damaged file counts as not there.

    Its methods may be called from threads.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Nothing is read or written yet. Args: most_bytes: of all contents together."""
        self._folder, self._most_bytes = folder, most_bytes
        self._sizes: OrderedDict[str, int] | None = None  # by digest, the one used longest ago first
        self._facts = 0
        self._lock = threading.Lock()

    def read(self, digest: str) -> bytes | None:
        """Contents by their sha256 in hex digits; None when they are not there or not whole."""
        with self._lock:
            known = digest in self._opened()
        if not known:
            return None
        path = self._content(digest)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            data = b""
        whole = hashlib.sha256(data).hexdigest() == digest
        with self._lock:
            if whole and digest in self._opened():
                self._opened().move_to_end(digest)
            elif not whole:
                self._forget(digest)
        return data if whole else None

    def write(self, data: bytes) -> str:
        """Keep contents. Returns: their sha256 in hex digits; also where they could not be kept."""
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            if digest in self._opened() or len(data) > self._most_bytes:
                return digest
        if self._put(self._content(digest), data):
            with self._lock:
                sizes = self._opened()
                sizes[digest] = len(data)
                sizes.move_to_end(digest)
                total = sum(sizes.values())
                while total > self._most_bytes:
                    oldest, size = next(iter(sizes.items()))
                    total -= size
                    self._forget(oldest)
        return digest

    def fact(self, about: str) -> Mapping[str, str]:
        """What was told about something; empty when nothing is known."""
        try:
            told = msgspec.json.decode(self._fact(about).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError):
            return {}
        return told if told.pop("about", "") == about else {}

    def tell(self, about: str, **fact: str) -> None:
        """Keep a fact."""
        with self._lock:
            self._opened()
            self._facts += 1
            if self._facts > _MOST_FACTS:
                self._thin()
        self._put(self._fact(about), msgspec.json.encode({"about": about, **fact}))

    def _content(self, digest: str) -> Path:
        return self._folder / "contents" / digest

    def _fact(self, about: str) -> Path:
        return self._folder / "facts" / hashlib.sha256(about.encode()).hexdigest()

    def _put(self, path: Path, data: bytes) -> bool:
        """Write a file in one step: nobody ever reads half of it."""
        staging = path.with_name(f"{path.name}.{token_hex(4)}{_PARTIAL}")
        try:
            descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(data)
            staging.replace(path)
        except OSError as error:
            log.warning("the cache of charts cannot be written", extra={"path": str(path), "error": str(error)})
            with contextlib.suppress(OSError):
                staging.unlink(missing_ok=True)
            return False
        return True

    def _opened(self) -> OrderedDict[str, int]:
        if self._sizes is None:
            for name in ("contents", "facts"):
                with contextlib.suppress(OSError):
                    (self._folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
                    self._folder.chmod(0o700)
            self._sizes = OrderedDict((path.name, size) for path, size in _listed(self._folder / "contents"))
            self._facts = len(_listed(self._folder / "facts"))
        return self._sizes

    def _forget(self, digest: str) -> None:
        self._opened().pop(digest, None)
        with contextlib.suppress(OSError):
            self._content(digest).unlink(missing_ok=True)

    def _thin(self) -> None:
        """Drop the quarter of the facts that was told longest ago."""
        facts = _listed(self._folder / "facts")
        for path, _ in facts[: len(facts) // 4]:
            path.unlink(missing_ok=True)
        self._facts = len(facts) - len(facts) // 4


def _listed(folder: Path) -> list[tuple[Path, int]]:
    """Files of a folder with their sizes, the one used longest ago first; half-written ones are removed."""
    found = []
    try:
        for path in folder.iterdir():
            if path.name.endswith(_PARTIAL):
                path.unlink(missing_ok=True)
                continue
            seen = path.stat()
            found.append((seen.st_mtime_ns, path, seen.st_size))
    except OSError as error:
        log.warning("the cache of charts cannot be read", extra={"path": str(folder), "error": str(error)})
    return [(path, size) for _, path, size in sorted(found)]
