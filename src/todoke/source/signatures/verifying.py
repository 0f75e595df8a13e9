"""Signatures of commits, tags and histories, with what was found before."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import pygit2

from todoke.model.signatures import Signature, Signers, State, Trust
from todoke.source.signatures import openpgp, ssh
from todoke.source.signatures.history import walk
from todoke.source.signatures.objects import Signed, of_commit, of_tag

_MOST_KEPT = 20_000
_MOST_HISTORIES = 5_000
_MOST_BYTES = 64 * 1024  # of one signature
_SSH = b"-----BEGIN SSH SIGNATURE-----"
_OPENPGP = (b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN PGP MESSAGE-----")
_MOST_NOTES = 2
_MOST_REASONS = 10


class Verifier:
    """All signatures that one process has looked at. What was found is kept until the known keys change."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Args: now: seconds since 1970."""
        self._now = now
        self._digest = b""
        self._kept: OrderedDict[str, Signature] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._accepted: OrderedDict[tuple[str, str], float] = OrderedDict()  # histories by demand and tip: until when
        self._refused: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self.use(Signers())

    def use(self, signers: Signers) -> None:
        """Replace all known keys."""
        digest = sha256(msgspec.msgpack.encode(signers, order="sorted")).digest()
        if digest == self._digest:
            return
        self._digest = digest
        self._keys, keys_wrong = openpgp.read_keys(signers.openpgp)
        self._signers, signers_wrong = ssh.read_signers(signers.ssh)
        self._problems = [*keys_wrong, *signers_wrong]
        self._kept.clear()
        self._accepted.clear()
        self._refused.clear()

    async def untrusted(
        self, opened: Callable[[], pygit2.Repository], commit: str, tag: pygit2.Tag | None, trust: Trust
    ) -> tuple[str, ...]:
        """Why a commit is not trusted, ten sentences at most; none when it is.

        Args: opened: the repository. tag: the annotated tag that named the commit, which then is what must be signed.
        Raises: KeyError, pygit2.GitError: an object is missing.
        """
        tip = opened()[commit].peel(pygit2.Commit)
        tagged = (trust.refusal(self.signature(tag)),) if tag is not None else ()
        if not trust.deep:
            return tuple(filter(None, tagged or (trust.refusal(self.signature(tip)),)))
        lock = self._locks.setdefault(f"{trust.name} {tip.id}", asyncio.Lock())
        async with lock:  # a thousand applications may follow one branch
            reasons = await self._history(opened, tip.id, trust)
        return (*filter(None, tagged), *reasons)[:_MOST_REASONS]

    async def _history(self, opened: Callable[[], pygit2.Repository], tip: pygit2.Oid, trust: Trust) -> tuple[str, ...]:
        """Why a whole history is not trusted; looked at anew when the known keys change meanwhile."""
        known = self._refused.get((trust.name, str(tip)))
        if known is not None:
            return known
        ends, settled = math.inf, True

        def refused(found: pygit2.Commit) -> str:
            nonlocal ends, settled
            signature = self.signature(found)
            reason = trust.refusal(signature)
            ends = ends if reason else min(ends, signature.ends)
            settled = settled and signature.state is not State.FUTURE
            return reason

        def accepted(sha: str) -> bool:
            nonlocal ends
            until = self._accepted.get((trust.name, sha), -math.inf)
            ends = min(ends, until) if until > self._now() else ends
            return until > self._now()

        while True:
            digest = self._digest
            walked = await walk(opened, tip, refused, accepted)
            if digest == self._digest:
                break
        if not walked.reasons and not accepted(str(tip)):
            self._accepted[trust.name, str(tip)] = ends
            _bound(self._accepted, _MOST_HISTORIES)
        if walked.reasons and settled:
            self._refused[trust.name, str(tip)] = walked.reasons
            _bound(self._refused, _MOST_HISTORIES)
        return walked.reasons

    def signature(self, found: pygit2.Commit | pygit2.Tag) -> Signature:
        """The signature of a commit or an annotated tag."""
        name = str(found.id)
        known = self._kept.get(name)
        if known is not None:
            self._kept.move_to_end(name)
            return known
        signed = of_tag(found) if isinstance(found, pygit2.Tag) else of_commit(found)
        made = self._made(signed)
        if made.state is not State.FUTURE:
            self._kept[name] = made
            _bound(self._kept, _MOST_KEPT)
        return made

    def _made(self, signed: Signed) -> Signature:
        result = self._check(signed)
        note = "; ".join(self._problems[:_MOST_NOTES]) if result.state is State.UNKNOWN_KEY else ""
        return Signature(signed.what, signed.author, result.state, result.signer, result.names, result.ends, note)

    def _check(self, signed: Signed) -> openpgp.Found:
        armoured = signed.armoured.strip()
        if not armoured:
            return openpgp.Found(State.UNSIGNED)
        if len(armoured) > _MOST_BYTES:
            return openpgp.Found(State.UNREADABLE)
        if armoured.startswith(_SSH):
            return ssh.check(signed.payload, armoured, self._signers, signed.made)
        if armoured.startswith(_OPENPGP):
            return openpgp.check(signed.payload, armoured, self._keys, self._now())
        return openpgp.Found(State.UNREADABLE)


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    if len(kept) > most:
        kept.popitem(last=False)
