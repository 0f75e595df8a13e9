"""Looks orbs up: the folder beside the configuration, then the lock file, then what comes with todoke."""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from todoke.model.errors import Blocked
from todoke.model.job_graphs import OrbText
from todoke.model.orb_locks import LockedOrb, Offer, OrbFiles, Reference, file_stem, reference_of
from todoke.source.orbs.built_in import BuiltIn
from todoke.source.orbs.lock import NAME, Tampered, Texts, alone, lock_text, read_lock, whole_text, write_whole
from todoke.source.orbs.market import Market, token_of
from todoke.source.orbs.packing import is_unpacked, packed, unpacked

FOLDER: Final = "orbs"
_WRITE_LIKE: Final = "Write it like namespace/orb@1.2.3"


class Library:
    """Finds orbs, and keeps the lock file. Implements the port `OrbRoom` of todoke.ci."""

    def __init__(self, beside: Path, texts: Texts | None = None) -> None:
        """Args: beside: the folder of the configuration, `.circleci`. texts: of locked orbs."""
        self._beside = beside
        self._folder = beside / FOLDER
        self._built_in = BuiltIn()
        self._texts = texts or Texts()

    def find(self, reference: str) -> OrbText | str:
        """The orb of a reference such as circleci/node@5.0, or a sentence on how to provide it.

        Raises: Blocked: a folder's orb or the lock file cannot be read.
        """
        asked = reference_of(reference)
        if asked is None:
            return _WRITE_LIKE
        try:
            found = self._in_folder(asked) or self._in_lock(asked)
        except Tampered as error:
            return str(error)
        return found or self._built_in.find(*asked) or self._advice(asked)

    def in_folder(self, reference: str) -> bool:
        """Whether the folder itself has it, so that it needs no lock. Raises: Blocked: it cannot be read."""
        asked = reference_of(reference)
        return asked is not None and self._in_folder(asked) is not None

    def built_in(self) -> list[str]:
        """All built-in orbs with each generation."""
        return self._built_in.all()

    def locked(self) -> Mapping[str, LockedOrb]:
        """What the lock file says, by reference. Raises: Blocked: it cannot be read."""
        return self._lock

    def locked_text(self, reference: str, orb: LockedOrb) -> str | None:
        """The text of a locked orb; None when it is not here or damaged. Raises: Blocked: it cannot be read."""
        asked = reference_of(reference)
        try:
            return None if asked is None else self._kept(asked, orb)[0]
        except Tampered:
            return None

    def put_on_record(self, offers: Mapping[str, Offer], *, vendor: bool, replace: bool) -> Mapping[str, LockedOrb]:
        """Keep texts, then enter them into the lock file, after whoever else changes it now.

        Args: vendor: texts go into the folder, and not into the cache. replace: entries that are there give way.
        Returns: all entries. Raises: Blocked: something cannot be written.
        """
        with alone(self._beside):
            old = read_lock(self._beside)
            new = old | {name: offer.locked for name, offer in offers.items() if replace or name not in old}
            for reference, offer in offers.items():
                asked = reference_of(reference)
                if vendor and asked is not None:
                    self._vendor(self._vendored(asked, offer.locked.version), offer)
                else:
                    self._texts.keep(offer.text)
            if new != old:
                write_whole(self._beside / NAME, lock_text(new))
        self.__dict__.pop("_lock", None)
        return new

    def market(self, registry: str) -> Market:
        """What fetches orbs. Args: registry: the address of its GraphQL."""
        return Market(registry, token_of(os.environ))

    @staticmethod
    def files(place: Path) -> OrbFiles:
        """An orb in a file or folder. Raises: Blocked: it cannot be read."""
        return unpacked(place)

    @staticmethod
    def packed(folder: Path) -> str:
        """The one text of an orb's folder. Raises: Blocked: it is none, or cannot be read."""
        return packed(folder)

    @cached_property
    def _lock(self) -> dict[str, LockedOrb]:
        return read_lock(self._beside)

    def _in_folder(self, asked: Reference) -> OrbText | None:
        """`orbs/circleci/node@5.0.yml`, `orbs/circleci/node.yml`, or a folder of such a name with an unpacked orb.

        A file that the lock file knows is not meant here: its text has to be the locked one.
        """
        entry = self._lock.get(str(asked))
        vendored = self._vendored(asked, entry.version) if entry else None
        for stem in (file_stem(asked.name, asked.version), asked.name):
            place = self._folder / asked.namespace / stem
            if is_unpacked(place):
                return OrbText(packed(place), str(asked), "folder", str(place), str(place))
            for suffix in (".yml", ".yaml"):
                file = place.with_name(place.name + suffix)
                if file != vendored and file.is_file():
                    return OrbText(_read(file), str(asked), "folder", str(file), str(file))
        return None

    def _in_lock(self, asked: Reference) -> OrbText | str | None:
        entry = self._lock.get(str(asked))
        if entry is None:
            return None
        resolved = f"{asked.orb}@{entry.version}"
        text, file = self._kept(asked, entry)
        if text is None:
            return f"It is locked to {resolved}, whose text is not on this machine yet. Run `todoke ci orb lock`"
        return OrbText(text, resolved, "lock", file, entry.place if entry.git else "")

    def _kept(self, asked: Reference, entry: LockedOrb) -> tuple[str | None, str]:
        """The text of a locked orb, and the file of the folder that it stands in, "" for the cache."""
        vendored = self._vendored(asked, entry.version)
        text = whole_text(vendored, entry.sha256)
        return (self._texts.read(entry.sha256), "") if text is None else (text, str(vendored))

    def _vendored(self, asked: Reference, version: str) -> Path:
        return self._folder / asked.namespace / f"{file_stem(asked.name, version)}.yml"

    def _vendor(self, place: Path, offer: Offer) -> None:
        with suppress(Tampered):
            if whole_text(place, offer.locked.sha256) is not None:
                return
        write_whole(place, offer.text)

    def _advice(self, asked: Reference) -> str:
        known = self._built_in.generations(asked.namespace, asked.name)
        there = f" Built in are {', '.join(known)}." if known else ""
        return f"Put it at {self._folder}/{asked.orb}.yml, or run `todoke ci orb lock`.{there}"


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Blocked(str(file), "cannot be read as text", next_step="Correct it") from error
