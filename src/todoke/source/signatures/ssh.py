"""SSH signatures. Source: OpenSSH, PROTOCOL.sshsig, and ssh-keygen(1), "ALLOWED SIGNERS"; git-verify-commit."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import msgspec
from sshsig import PublicKey, check_signature
from sshsig.allowed_signers import AllowedSigner
from sshsig.sshsig import SshsigSignature

from todoke.model.signatures import SSH_SIGNERS, State
from todoke.source.signatures.openpgp import Found

_NAMESPACE = "git"
_HASHES = (b"sha256", b"sha512")  # the format knows no others
_MOST_BYTES = 1024 * 1024


class Signer(msgspec.Struct, frozen=True):
    """A key that may sign, from and until when in seconds since 1970."""

    fingerprint: str
    begins: float = -math.inf
    ends: float = math.inf


def read_signers(entries: Mapping[str, str]) -> tuple[dict[str, tuple[Signer, ...]], list[str]]:
    """Signers by fingerprint, from lines as in allowed_signers, and a sentence for each that cannot be used."""
    found: dict[str, tuple[Signer, ...]] = {}
    problems = []
    for name, text in sorted(entries.items()):
        if len(text) > _MOST_BYTES:
            problems.append(f"{name} of ConfigMap {SSH_SIGNERS} is larger than 1 MiB")
            continue
        for number, line in _lines(text):
            try:
                signer = _signer(line)
            except (ValueError, NotImplementedError, IndexError) as error:
                problems.append(f"{name} of ConfigMap {SSH_SIGNERS}, line {number}: {_short(error)}")
                continue
            if signer is not None:
                found[signer.fingerprint] = (*found.get(signer.fingerprint, ()), signer)
    return found, problems


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.strip().startswith("#"):
            yield number, line.strip()


def _signer(line: str) -> Signer | None:
    """The signer of a line; None when it may sign other things than Git's."""
    entry = AllowedSigner.parse(line)
    options = entry.options or {}
    if "cert-authority" in options:
        raise ValueError("authorities of SSH certificates are not supported, list the keys themselves")
    if "namespaces" in options and not _listed(options["namespaces"]):
        return None
    key = PublicKey.from_openssh_str(f"{entry.key_type} {entry.base64_key}")
    return Signer(
        key.sha256_str(),
        _moment(options["valid-after"]) if "valid-after" in options else -math.inf,
        _moment(options["valid-before"]) if "valid-before" in options else math.inf,
    )


def _listed(patterns: str) -> bool:
    each = [pattern.strip() for pattern in patterns.split(",")]
    if any(p.startswith("!") and fnmatchcase(_NAMESPACE, p[1:]) for p in each):
        return False
    return any(fnmatchcase(_NAMESPACE, p) for p in each if not p.startswith("!"))


def _moment(text: str) -> float:
    """Seconds since 1970 of `YYYYMMDD[HHMM[SS]]`, in UTC with or without the Z: this machine's zone says nothing."""
    digits = text.strip().upper().removesuffix("Z")
    forms = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    if not digits.isdecimal() or len(digits) not in forms:
        raise ValueError(f'"{text}" is no time, write it like 20270131 or 202701311200Z')
    return datetime.strptime(digits, forms[len(digits)]).replace(tzinfo=UTC).timestamp()


def check(payload: bytes, armoured: bytes, signers: Mapping[str, tuple[Signer, ...]], made: float) -> Found:
    """What became of a signature. Args: made: when the commit says it was, in seconds since 1970; git asks for then."""
    try:
        parts = SshsigSignature.from_armored(armoured)
        key = PublicKey.from_ssh_encoding(parts.public_key)
    except Exception:  # whoever pushes writes these bytes, and the library does not say all that it may raise
        return Found(State.UNREADABLE)
    name = key.sha256_str()
    if parts.hash_algo not in _HASHES:
        return Found(State.UNREADABLE, name)
    try:
        check_signature(payload, armoured, _NAMESPACE)
    except Exception:
        return Found(State.BAD, name)
    entries = signers.get(name, ())
    if not entries:
        return Found(State.UNKNOWN_KEY, name)
    if any(entry.begins <= made < entry.ends for entry in entries):
        return Found(State.GOOD, name, (name,))
    return Found(State.EXPIRED_KEY, name, (name,))


def _short(error: BaseException) -> str:
    """The first part of what a library says: the rest repeats the line."""
    text = " ".join(str(error).partition("('")[0].split()).strip(" .")
    return text or "it holds no key that can be read"
