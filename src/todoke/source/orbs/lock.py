"""`.circleci/orbs.lock`: which orbs a folder's configurations are pinned to, and where their texts lie here."""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from todoke.model.errors import Blocked
from todoke.model.orb_locks import LARGEST_ORB, MOST_ORBS, LockedOrb, reference_of

NAME: Final = "orbs.lock"
_VERSION: Final = 1
_HEAD: Final = "# Made by `todoke ci orb lock`. It pins the orbs of the configurations beside it: commit it.\n"
_LARGEST: Final = 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_ONE_VERSION = re.compile(r"\w[\w.:/+-]*\Z", re.ASCII)
_REPAIR: Final = "Take it from Git again, or remove it and run `todoke ci orb lock`"


class Tampered(Blocked):
    """A text is not the one that was locked."""


def sha256_of(text: str) -> str:
    """The SHA-256 of a text in hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_lock(folder: Path) -> dict[str, LockedOrb]:
    """The entries by reference; none when there is no lock file.

    Raises: Blocked: it cannot be read, or says what cannot be.
    """
    place = folder / NAME
    try:
        data = place.read_bytes() if place.stat().st_size <= _LARGEST else None
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Blocked(str(place), f"cannot be read: {error.strerror}") from error
    if data is None:
        raise Blocked(str(place), f"is larger than {_LARGEST // 1024} KiB", next_step=_REPAIR)
    try:
        found = yaml.safe_load(data.decode())
    except (yaml.YAMLError, ValueError) as error:
        raise Blocked(str(place), "is no YAML", next_step=_REPAIR) from error
    return _entries(place, found)


def _entries(place: Path, found: Any) -> dict[str, LockedOrb]:
    if not isinstance(found, dict) or not isinstance(found.get("version"), int):
        raise Blocked(str(place), "needs a version and orbs", next_step=_REPAIR)
    if found["version"] != _VERSION:
        raise Blocked(str(place), f"has the version {found['version']}", next_step="Use a newer todoke")
    try:
        orbs = msgspec.convert(found.get("orbs") or {}, dict[str, LockedOrb])
    except msgspec.ValidationError as error:
        raise Blocked(str(place), str(error), field="orbs", next_step=_REPAIR) from error
    if len(orbs) > MOST_ORBS:
        raise Blocked(str(place), f"has more than {MOST_ORBS} orbs", field="orbs")
    for reference, orb in orbs.items():
        if reference_of(reference) is None or not _SHA256.match(orb.sha256) or not _ONE_VERSION.match(orb.version):
            problem = "is no namespace/orb@version with a version and a sha256 in hex digits"
            raise Blocked(str(place), problem, field=f"orbs.{reference}", next_step=_REPAIR)
    return orbs


def lock_text(orbs: Mapping[str, LockedOrb]) -> str:
    """The lock file, entries in the order of their references: the same entries make the same text."""
    listed = {reference: msgspec.to_builtins(orb) for reference, orb in sorted(orbs.items())}
    body: str = yaml.safe_dump({"version": _VERSION, "orbs": listed}, sort_keys=False, width=1 << 30)
    return _HEAD + body


def write_whole(place: Path, text: str) -> None:
    """Write a file so that whoever reads it, at any time and after any crash, sees the old one or the new one.

    Raises: Blocked: it cannot be written.
    """
    beside = place.with_name(f".{place.name}.{secrets.token_hex(6)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        next_step = "Make its folder writable"
        raise Blocked(str(place), f"cannot be written: {error.strerror}", next_step=next_step) from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time changes what is in a folder; others wait. No file is left behind."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Blocked(str(folder), f"cannot be opened: {error.strerror}") from error
    try:
        with contextlib.suppress(OSError):  # a file system without locks: the last one wins, and files stay whole
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def whole_text(place: Path, sha256: str) -> str | None:
    """The text of a file that must have a SHA-256; None when there is no such file.

    Raises: Tampered: it has another one. Blocked: it cannot be read.
    """
    try:
        data = place.read_bytes() if place.stat().st_size <= LARGEST_ORB else b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Blocked(str(place), f"cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Tampered(str(place), f"is not the text that {NAME} locks", next_step=_REPAIR)
    return data.decode()


class Texts:
    """The texts of locked orbs on this machine, by their hashes. All of it can be fetched again."""

    def __init__(self, folder: Path | None = None) -> None:
        """Args: folder: default: `todoke/orbs` in the user's folder for caches."""
        self._folder = folder

    def read(self, sha256: str) -> str | None:
        """A text, its hash verified; None when it is not there. Raises: Tampered, Blocked."""
        return whole_text(self._path(sha256), sha256)

    def keep(self, text: str) -> None:
        """Keep a text, in place of a damaged one too. Raises: Blocked: it cannot be written."""
        sha256 = sha256_of(text)
        with contextlib.suppress(Tampered):
            if self.read(sha256) is not None:
                return
        write_whole(self._path(sha256), text)

    def _path(self, sha256: str) -> Path:
        return (self._folder or _cache_folder()) / f"{sha256}.yml"


def _cache_folder() -> Path:
    """Source: XDG Base Directory Specification: a relative path there is ignored."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (given if given.is_absolute() else Path.home() / ".cache") / "todoke" / "orbs"
    except RuntimeError as error:
        problem = "there is no home folder for the cache of orbs"
        raise Blocked("$XDG_CACHE_HOME", problem, next_step="Set it to a folder, or lock with --vendor") from error
