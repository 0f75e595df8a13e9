"""Files that Git holds only a pointer of: Git LFS. Source: git-lfs, docs/spec.md and docs/api/batch.md."""

import os
import re
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec

from todoke.model.errors import Blocked, DeliveryError, Unreachable

LONGEST_POINTER = 1024
LARGEST_FILE, LARGEST_COMMIT = 32 * 1024 * 1024, 1024 * 1024 * 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n?"
)


class Pointer(msgspec.Struct, frozen=True):
    """What stands in Git for a file. Attributes: oid: SHA-256 of its contents. size: their bytes."""

    oid: str
    size: int


def pointer_of(data: bytes) -> Pointer | None:
    """The pointer that a file's contents are, or None."""
    if len(data) > LONGEST_POINTER or (found := _POINTER.fullmatch(data)) is None:
        return None
    return Pointer(found.group(1).decode(), int(found.group(2)))


class LargeFiles:
    """The large files of one repository that were fetched, beside its mirror."""

    def __init__(self, folder: Path, subject: str) -> None:
        self._folder, self._subject = folder, subject
        self.errors: dict[str, DeliveryError] = {}  # why a file could not be fetched, by oid

    def affordable(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        """Those files of a commit that are fetched: the small ones first, as long as all together are small enough."""
        total, found = 0, []
        for pointer in sorted(pointers, key=lambda one: (one.size, one.oid)):
            total += pointer.size
            if pointer.size <= LARGEST_FILE and total <= LARGEST_COMMIT:
                found.append(pointer)
            elif pointer.size <= LARGEST_FILE:
                problem = f"the commit's files up to this size have more than {LARGEST_COMMIT // 1024**2} MiB together"
                self.errors[pointer.oid] = Blocked(self._subject, problem, next_step="Exclude it")
        return found

    def lacks(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        """Those that are not here."""
        return [one for one in pointers if not self._place(one.oid).is_file()]

    def read(self, pointer: Pointer, path: str) -> bytes:
        """A file's contents.

        Raises: Blocked: it is too large. DeliveryError: it could not be fetched.
        """
        field = f"{path} in Git LFS"
        if pointer.size > LARGEST_FILE:
            problem = f"it has {pointer.size} bytes, and at most {LARGEST_FILE // 1024 // 1024} MiB are read"
            raise Blocked(self._subject, problem, field=field, next_step="Exclude it")
        try:
            data = self._place(pointer.oid).read_bytes()
        except FileNotFoundError:
            error = self.errors.get(pointer.oid)
            if error is None:
                raise Unreachable(self._subject, f"{path} has not been fetched from Git LFS") from None
            raise type(error)(self._subject, error.problem, field=field, next_step=error.next_step) from error
        if len(data) != pointer.size:
            self._place(pointer.oid).unlink(missing_ok=True)
            raise Unreachable(self._subject, "its copy is damaged and will be fetched anew", field=field)
        return data

    def keep(self, pointer: Pointer, data: bytes) -> None:
        """Keep a file that was fetched. Raises: Unreachable: the contents are others. Blocked: it cannot be kept."""
        if len(data) != pointer.size or sha256(data).hexdigest() != pointer.oid:
            raise Unreachable(self._subject, "the server sent other contents than the pointer promises")
        place = self._place(pointer.oid)
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(dir=place.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).rename(place)
        except OSError as error:
            problem = f"its large files cannot be kept: {error.strerror}"
            raise Blocked(self._subject, problem, next_step="Correct the data folder") from error

    def _place(self, oid: str) -> Path:
        return self._folder / oid[:2] / oid
