"""OpenPGP signatures. Source: RFC 9580; the states are those of `git verify-commit`, which asks GnuPG."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TypeVar

import msgspec
from pysequoia import Cert, Sig, verify
from pysequoia.packet import Packet, PacketPile, SignatureType, Tag

from todoke.model.signatures import OPENPGP_KEYS, State

T = TypeVar("T")

_LARGEST_KEY = 1024 * 1024
_DOCUMENT = (SignatureType.Binary, SignatureType.Text)


class Key(msgspec.Struct, frozen=True):
    """A key that signs: a primary key, or one below it. `ends`: in seconds since 1970."""

    certificate: Cert
    fingerprint: str
    primary: str
    ends: float
    revoked: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All under which a policy may list it."""
        return tuple(dict.fromkeys(name for f in (self.fingerprint, self.primary) for name in (f, f[-16:])))


class Found(msgspec.Struct, frozen=True):
    """What became of a signature."""

    state: State
    signer: str = ""
    names: tuple[str, ...] = ()
    ends: float = math.inf


class Broken(Exception):
    """The bytes are not what they should be."""


def read_keys(entries: Mapping[str, str]) -> tuple[dict[str, Key], list[str]]:
    """The keys of a ConfigMap by fingerprint and long id, and a sentence for each entry that cannot be used.

    Each entry holds one ASCII-armoured public key, and is named by its long id or fingerprint, as in Argo CD.
    """
    found: dict[str, Key] = {}
    problems = []
    for name, text in sorted(entries.items()):
        try:
            keys = list(_keys(text))
        except Broken as error:
            problems.append(f"{name} of ConfigMap {OPENPGP_KEYS} {error}")
            continue
        primary = keys[0].primary
        if name.strip().upper() not in (primary, primary[-16:]):
            problems.append(f"{name} of ConfigMap {OPENPGP_KEYS} holds the key {primary[-16:]}: name it so")
            continue
        for key in keys:
            found[key.fingerprint] = found[key.fingerprint[-16:]] = key
    return found, problems


def _keys(text: str) -> Iterator[Key]:
    if len(text) > _LARGEST_KEY:
        raise Broken("is larger than 1 MiB")
    certificates = _read(lambda: Cert.split_bytes(text.encode()), "is no OpenPGP key")
    if len(certificates) != 1:
        raise Broken(f"holds {len(certificates)} keys: write one in each entry")
    certificate = certificates[0]
    if "PRIVATE KEY BLOCK" in text:
        raise Broken("holds a private key: write the public one, and give that key up")
    yield from _read(lambda: list(_parts(certificate)), "holds a key that is too old, broken or not valid yet")


def _parts(certificate: Cert) -> Iterator[Key]:
    """The primary key, and those below it. The library raises errors for keys that its policy refuses as a whole."""
    primary = certificate.fingerprint.upper()
    ends = math.inf if certificate.expiration is None else certificate.expiration.timestamp()
    yield Key(certificate, primary, primary, ends, certificate.is_revoked)
    for key, signatures in _below(certificate):
        own, revoked = _own_end(key, signatures)
        fingerprint = (key.fingerprint or "").upper()
        yield Key(certificate, fingerprint, primary, min(ends, own), revoked or certificate.is_revoked)


def _below(certificate: Cert) -> Iterator[tuple[Packet, list[Packet]]]:
    """The keys below the primary one, each with the signatures that follow it."""
    current: tuple[Packet, list[Packet]] | None = None
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.tag == Tag.Signature:
            if current is not None:
                current[1].append(packet)
            continue
        if current is not None:
            yield current
        current = (packet, []) if packet.tag == Tag.PublicSubkey else None
    if current is not None:
        yield current


def _own_end(key: Packet, signatures: list[Packet]) -> tuple[float, bool]:
    """When a key ends by its newest binding, and whether it is revoked."""
    revoked = any(packet.signature_type == SignatureType.SubkeyRevocation for packet in signatures)
    bindings = [packet for packet in signatures if packet.signature_type == SignatureType.SubkeyBinding]
    dated = [(packet.signature_created.timestamp(), packet) for packet in bindings if packet.signature_created]
    if not dated or key.key_created is None:
        return math.inf, revoked
    period: timedelta | None = max(dated, key=lambda one: one[0])[1].key_validity_period
    return math.inf if period is None else (key.key_created + period).timestamp(), revoked


def check(payload: bytes, armoured: bytes, keys: Mapping[str, Key], now: float) -> Found:
    """What became of a detached signature.

    A key that has expired or is revoked now signs nothing any more, whatever date the signature bears: whoever holds
    it could choose that date.
    """
    try:
        said = _read(lambda: _said(armoured), "is no signature")
    except Broken:
        return Found(State.UNREADABLE)
    if not said.of_document:
        return Found(State.BAD, said.issuer)
    if said.created > now:
        return Found(State.FUTURE, said.issuer)
    key = keys.get(said.issuer)
    if key is None:
        return Found(State.UNKNOWN_KEY, said.issuer)
    return Found(_state(payload, said, key, now), key.fingerprint, key.names, min(said.ends, key.ends))


class _Said(msgspec.Struct, frozen=True):
    """What a signature says of itself."""

    signature: Sig
    issuer: str
    of_document: bool
    created: float
    ends: float


def _said(armoured: bytes) -> _Said:
    signature = Sig.from_bytes(armoured)
    return _Said(
        signature,
        (signature.issuer_fingerprint or signature.issuer_key_id or "").upper(),
        signature.signature_type in _DOCUMENT,
        -math.inf if signature.created is None else signature.created.timestamp(),
        math.inf if signature.expiration is None else signature.expiration.timestamp(),
    )


def _state(payload: bytes, said: _Said, key: Key, now: float) -> State:
    if key.revoked:
        return State.REVOKED_KEY
    if key.ends <= now:
        return State.EXPIRED_KEY
    if said.ends <= now:
        return State.EXPIRED
    try:
        given = _read(lambda: verify(payload, lambda _ids: [key.certificate], signature=said.signature), "does not fit")
    except Broken:
        return State.BAD
    signed = {valid.signing_key.upper() for valid in given.valid_sigs}
    return State.GOOD if key.fingerprint in signed else State.BAD


def _read(reading: Callable[[], T], otherwise: str) -> T:
    """What is read. The library tells of bad bytes by errors, and where it did not foresee them it panics."""
    try:
        return reading()
    except Exception as error:
        raise Broken(otherwise) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise Broken(otherwise) from error
        raise
