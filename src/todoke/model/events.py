"""What happened, for the ledger, for notifications and for the UI: one small class per fact."""

import hashlib

import msgspec

from todoke.model.deliverables import DeliverableKey


class SyncEnded(msgspec.Struct, frozen=True, tag="sync"):
    """One sync came to its end."""

    application: DeliverableKey
    uid: str
    revision: str
    phase: str  # Succeeded, Failed, Error, Superseded
    started: str  # RFC 3339
    finished: str
    by: str  # who asked; "automated" for todoke itself
    message: str = ""
    changes: int = 0


class HealthChanged(msgspec.Struct, frozen=True, tag="health"):
    """The application's health became another."""

    application: DeliverableKey
    uid: str
    revision: str
    health: str
    message: str
    at: str


class Undone(msgspec.Struct, frozen=True, tag="undo"):
    """A release was undone by a revert commit, or by deploying an older revision by hand."""

    application: DeliverableKey
    uid: str
    bad: str
    good: str
    commit: str  # "" when no commit was made
    by: str
    at: str


Event = SyncEnded | HealthChanged | Undone


def identity(event: Event) -> str:
    """The same fact has the same id, so that one written twice is one fact."""
    facts: tuple[str, ...]
    match event:
        case SyncEnded():
            facts = ("sync", event.uid, event.revision, event.started)
        case HealthChanged():
            facts = ("health", event.uid, event.revision, event.health, event.at)
        case Undone():
            facts = ("undo", event.uid, event.bad, event.good, event.at)
    return hashlib.blake2b("\0".join(facts).encode(), digest_size=16).hexdigest()
