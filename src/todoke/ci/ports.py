"""All that the CI half asks of the outside world."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from todoke.model.job_graphs import OrbText
from todoke.model.orb_locks import GitPlace, LockedOrb, Offer, OrbFiles, Reference


class Orbs(Protocol):
    """Where orbs come from. Implemented by todoke.source."""

    def find(self, reference: str) -> OrbText | str:
        """The orb of a reference such as circleci/node@5.0, or a sentence on how to provide it."""
        ...


class Market(Protocol):
    """Where texts of orbs are fetched. Implemented by todoke.source."""

    async def published(self, reference: Reference) -> Offer:
        """The text that the registry has for a reference. Raises: Blocked, Unreachable."""
        ...

    async def in_git(self, place: GitPlace, reference: Reference) -> Offer:
        """The orb that lies in a Git repository. Raises: Blocked, Unreachable."""
        ...


class OrbRoom(Orbs, Protocol):
    """The orbs of one folder of configurations, with its lock file. Implemented by todoke.source."""

    def in_folder(self, reference: str) -> bool:
        """Whether the folder itself has it, so that it needs no lock. Raises: Blocked: it cannot be read."""
        ...

    def built_in(self) -> Sequence[str]:
        """All built-in orbs with each generation."""
        ...

    def locked(self) -> Mapping[str, LockedOrb]:
        """What the lock file says, by reference. Raises: Blocked: it cannot be read."""
        ...

    def locked_text(self, reference: str, orb: LockedOrb) -> str | None:
        """The text of a locked orb; None when it is not here or damaged. Raises: Blocked: it cannot be read."""
        ...

    def put_on_record(self, offers: Mapping[str, Offer], *, vendor: bool, replace: bool) -> Mapping[str, LockedOrb]:
        """Keep texts, then enter them into the lock file, after whoever else changes it now.

        Args: vendor: texts go into the folder and not into the cache. replace: entries that are there give way.
        Returns: all entries. Raises: Blocked: something cannot be written.
        """
        ...

    def market(self, registry: str) -> AbstractAsyncContextManager[Market]:
        """What fetches orbs. Args: registry: the address of its GraphQL."""
        ...

    def files(self, place: Path) -> OrbFiles:
        """An orb in a file or folder. Raises: Blocked: it cannot be read."""
        ...

    def packed(self, folder: Path) -> str:
        """The one text of an orb's folder. Raises: Blocked: it is none, or cannot be read."""
        ...


class Checkout(Protocol):
    """The clone that a configuration lies in. Implemented by todoke.source."""

    def facts(self) -> Mapping[str, Any]:
        """What is known of it, by names of pipeline values such as pipeline.git.branch."""
        ...

    def text(self, path: str) -> str | None:
        """A file by its path from the root; None when there is none there. Raises: Blocked: it cannot be read."""
        ...

    def changed_since(self, revision: str) -> tuple[str, ...]:
        """Paths from the root that differ between the checked-out commit and where it left a revision.

        Raises: Blocked: there is no clone, or no such revision in it.
        """
        ...
