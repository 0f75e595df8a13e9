"""Signatures of commits and tags: what was found, and what a project demands of it."""

import enum
import math
from collections.abc import Callable, Mapping

import msgspec


class State(enum.StrEnum):
    """What became of a signature. The letter is that of git's `%G?`; all but the first are refused."""

    GOOD = "G"
    UNSIGNED = "N"
    UNKNOWN_KEY = "E"
    BAD = "B"
    EXPIRED = "X"  # the signature itself
    EXPIRED_KEY = "Y"
    REVOKED_KEY = "R"
    UNREADABLE = "?"  # of a kind that cannot be checked here
    FUTURE = "F"  # made later than now


class Signature(msgspec.Struct, frozen=True):
    """The signature of one commit or tag.

    Attributes:
        what: `commit 1f0c…` or `tag "v1"`. author: who is said to have made it.
        signer: the key by its fingerprint, or by the id that the signature gives; "" when there is none.
        names: all under which a project may list the key: fingerprints and long ids in capitals, of the key itself and
            of the primary key that it belongs to, or `SHA256:…`.
        ends: when a good one is none any more, in seconds since 1970.
        note: what a person should know beside it, a sentence.
    """

    what: str
    author: str
    state: State
    signer: str = ""
    names: tuple[str, ...] = ()
    ends: float = math.inf
    note: str = ""


class Trust(msgspec.Struct, frozen=True):
    """What a project demands of one repository.

    Attributes:
        deep: of every commit up to the last seal, not only of the newest one.
        name: the same for the same demands, so that answers can be kept.
        refusal: why a signature is not trusted, a sentence; "" when it is.
    """

    deep: bool
    name: str
    refusal: Callable[[Signature], str]


class Signers(msgspec.Struct, frozen=True):
    """Public keys of people who sign, as the ConfigMaps hold them: text by entry."""

    openpgp: Mapping[str, str] = {}
    ssh: Mapping[str, str] = {}


OPENPGP_KEYS = "argocd-gpg-keys-cm"
SSH_SIGNERS = "todoke-ssh-signers"
