"""Whose signatures a project demands of which repository. Source: Argo CD v3.5, "Source integrity", "Git GnuPG"."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from todoke.access.repository_urls import comparable_url
from todoke.model.errors import Blocked
from todoke.model.globs import BadGlob, glob_match
from todoke.model.projects import AppProject, GitIntegrityPolicy
from todoke.model.signatures import OPENPGP_KEYS, SSH_SIGNERS, Signature, State
from todoke.model.sources import shown_url

_OPENPGP = re.compile(r"[0-9A-F]{16}|[0-9A-F]{40}")  # eight digits can be made to order
_SSH = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_POLICIES = "spec.sourceIntegrity.git.policies"


class Demand(msgspec.Struct, frozen=True):
    """What one repository's commits need.

    Attributes: deep: every commit, not only the newest. keys: who may sign. field: where the keys stand.
    """

    project: str
    deep: bool
    keys: frozenset[str]
    field: str

    @property
    def name(self) -> str:
        """The same for the same demands, and other for each project: refusals speak of it."""
        return " ".join((self.project, self.field, str(self.deep), *sorted(self.keys)))


def demanded(project: AppProject | None, repo_url: str) -> Demand | None:
    """What the project demands of a Git repository; None when that is nothing.

    A policy holds when one of its patterns takes the URL in and none that begins with `!` does. Here `*` crosses
    slashes, and all spellings of a URL are one.

    Raises: Blocked: several policies hold, or one of the project cannot be read: it must not become one that lets pass.
    """
    if project is None:
        return None
    spec, name = project.spec, project.metadata.name
    if spec.source_integrity is None:
        if not spec.signature_keys:
            return None
        listed = [(f"spec.signatureKeys[{n}].keyID", key.key_id) for n, key in enumerate(spec.signature_keys)]
        return Demand(name, False, _keys(name, listed), "spec.signatureKeys")
    if spec.signature_keys:
        step = "Keep spec.sourceIntegrity and take the other away"
        raise _wrong(name, "spec.signatureKeys", "cannot be used together with spec.sourceIntegrity", step)
    policies = spec.source_integrity.git.policies
    held = [(n, policy) for n, policy in enumerate(policies) if _holds(name, n, policy, repo_url)]
    if len(held) > 1:
        fields = " and ".join(f"{_POLICIES}[{number}]" for number, _ in held)
        problem = f"several hold for {shown_url(repo_url)}: {fields}"
        raise _wrong(name, _POLICIES, problem, "Leave one, with a pattern that begins with ! in the others")
    return _demand(name, *held[0]) if held else None


def _demand(project: str, number: int, policy: GitIntegrityPolicy) -> Demand | None:
    field, mode = f"{_POLICIES}[{number}].gpg", policy.gpg.mode
    if mode not in ("none", "head", "strict"):
        raise _wrong(project, f"{field}.mode", f'is "{mode}"', "Write none, head or strict")
    if mode == "none":
        return None
    listed = [(f"{field}.keys[{n}]", key) for n, key in enumerate(policy.gpg.keys)]
    return Demand(project, mode == "strict", _keys(project, listed), f"{field}.keys")


def _keys(project: str, listed: Iterable[tuple[str, str]]) -> frozenset[str]:
    found = set()
    for field, text in listed:
        key = text.strip()
        if not _SSH.fullmatch(key):
            key = key.upper()
            if not _OPENPGP.fullmatch(key):
                step = "Write 16 or 40 hex digits of an OpenPGP key, or SHA256:… of an SSH key"
                raise _wrong(project, field, f'"{text}" names no key', step)
        found.add(key)
    return frozenset(found)


def _holds(project: str, number: int, policy: GitIntegrityPolicy, repo_url: str) -> bool:
    url, taken = comparable_url(repo_url), False
    for position, repository in enumerate(policy.repos):
        pattern = comparable_url(repository.url.strip().removeprefix("!"))
        try:
            hit = pattern == "*" or glob_match(pattern, url)
        except BadGlob as error:
            field = f"{_POLICIES}[{number}].repos[{position}].url"
            raise _wrong(project, field, f'"{repository.url}" is no pattern', "Correct it") from error
        if hit and repository.url.strip().startswith("!"):
            return False
        taken = taken or hit
    return taken


def _wrong(project: str, field: str, problem: str, step: str) -> Blocked:
    return Blocked(f"AppProject/{project}", problem, field=field, next_step=step)


def refusal(demand: Demand, signature: Signature, now: datetime) -> str:
    """Why a signature does not satisfy a demand, a sentence with the next step; "" when it does."""
    state, signer = signature.state, f"the key {signature.signer}" if signature.signer else "an unnamed key"
    if state is State.GOOD and signature.ends <= now.timestamp():
        state = State.EXPIRED_KEY
    keys = f"{demand.field} of AppProject/{demand.project}"
    if state is State.GOOD:
        if demand.keys.intersection(signature.names):
            return ""
        problem = f"is signed by {signer}, which is not in {keys}. Add it there, or have it signed by one that is"
    elif state is State.UNSIGNED:
        problem = f"is not signed. Sign it with a key of {keys}"
    elif state is State.UNKNOWN_KEY:
        where = SSH_SIGNERS if signature.signer.startswith("SHA256:") else OPENPGP_KEYS
        problem = f"is signed by {signer}, which is not known. Add it to the ConfigMap {where}"
    else:
        problem = _PROBLEMS[state].format(signer=signer, ended=_ended(signature.ends))
    note = f" ({signature.note})" if signature.note else ""
    return f"{signature.what} by {signature.author} {problem}{note}"


_PROBLEMS = {
    State.BAD: "has a signature by {signer} that does not hold: it was changed after, or uses SHA-1. Sign it anew",
    State.EXPIRED: "has a signature by {signer} that expired. Sign it anew",
    State.EXPIRED_KEY: "is signed by {signer}, which expired{ended}. Renew the key, or sign with another one",
    State.REVOKED_KEY: "is signed by {signer}, which was revoked. Sign it with another one",
    State.UNREADABLE: "has a signature of a kind that is not read. Use OpenPGP, or SSH with an ed25519 or RSA key",
    State.FUTURE: "has a signature by {signer} that is dated in the future. Correct the clock of either machine",
}


def _ended(ends: float) -> str:
    try:
        return f" on {datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):  # never, or in a year that is none
        return ""
