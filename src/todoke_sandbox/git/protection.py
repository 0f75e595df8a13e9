"""Protected branches: which updates of a push are refused. Git runs this file as its `proc-receive` hook.

That hook is the only one whose reason reaches the client's line of each ref. It runs with nothing but the standard
library on its path. Source of the protocol: Git, githooks, "proc-receive".
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import BinaryIO, NamedTuple

RULES = "TODOKE_GIT_PROTECTED"
"""Variable with the rules: JSON, user names by pattern."""

_BRANCHES = "refs/heads/"


class Update(NamedTuple):
    """One ref of a push; a commit of zeros stands for none."""

    old: str
    new: str
    ref: str

    @property
    def branch(self) -> str:
        """The branch, "" for a tag or another ref."""
        return self.ref.removeprefix(_BRANCHES) if self.ref.startswith(_BRANCHES) else ""


class Refusal(NamedTuple):
    """Why an update is refused: in the client's line of the ref, and in a line for a person."""

    reason: str
    advice: str = ""


Rules = Mapping[str, Iterable[str]]
"""Users that may push, by pattern of branches (fnmatch, whatever the case)."""

Extends = Callable[[str, str], bool]
"""Whether the second commit has the first among its ancestors."""


def refusals(
    updates: Iterable[Update], user: str, rules: Rules, extends: Extends, *, atomic: bool
) -> dict[str, Refusal]:
    """The refused updates of a push by ref; of an atomic one all or none."""
    pushed = list(updates)
    refused = {update.ref: found for update in pushed if (found := _refusal(update, user, rules, extends))}
    if atomic and refused:
        first = next(iter(refused)).removeprefix(_BRANCHES)
        rest = Refusal(f"atomic push: {first} was refused")
        return {update.ref: refused.get(update.ref, rest) for update in pushed}
    return refused


def _refusal(update: Update, user: str, rules: Rules, extends: Extends) -> Refusal | None:
    branch = update.branch
    # Where file names have no case `Main` is the file of `main`.
    matching = [p for p in rules if branch and fnmatchcase(branch.casefold(), p.casefold())]
    if not matching:
        return None
    if not update.new.strip("0"):
        return Refusal("protected branch: it cannot be deleted", f"{branch} is protected and stays.")
    allowed = set.intersection(*(set(rules[pattern]) for pattern in matching))
    if user not in allowed:
        who = f"only {', '.join(sorted(allowed))} may push" if allowed else "nobody may push"
        advice = f"{user or 'An anonymous user'} may not push to {branch}. Push to another branch, and ask for a merge."
        return Refusal(f"protected branch: {who}", advice)
    if update.old.strip("0") and not extends(update.old, update.new):
        advice = f"The history of {branch} stays. Take a commit back with `git revert`, or pull first."
        return Refusal("protected branch: it cannot be force-pushed", advice)
    return None


def _extends(old: str, new: str) -> bool:
    return subprocess.run(["git", "merge-base", "--is-ancestor", old, new], check=False).returncode == 0


def _lines(source: BinaryIO) -> list[bytes]:
    """The packet lines up to the next flush packet."""
    found = []
    while (size := int(source.read(4), 16)) != 0:
        found.append(source.read(size - 4).rstrip(b"\n"))
    return found


def _packet(text: str) -> bytes:
    data = text.encode()
    return b"%04x%s" % (len(data) + 4, data)


def hook(source: BinaryIO, target: BinaryIO) -> None:
    """Speak with `git receive-pack`: what is not refused it carries out itself."""
    features = b" ".join(_lines(source)).partition(b"\0")[2].split()
    target.write(_packet("version=1") + b"0000")
    target.flush()
    updates = [Update(*line.decode().split(" ", 2)) for line in _lines(source)]
    rules, user = json.loads(os.environ[RULES]), os.environ.get("REMOTE_USER", "")
    refused = refusals(updates, user, rules, _extends, atomic=b"atomic" in features)
    for advice in dict.fromkeys(refusal.advice for refusal in refused.values() if refusal.advice):
        sys.stderr.write(f"{advice}\n")
    sys.stderr.flush()
    for update in updates:
        if update.ref in refused:
            target.write(_packet(f"ng {update.ref} {refused[update.ref].reason}"))
        else:
            target.write(_packet(f"ok {update.ref}") + _packet("option fall-through"))
    target.write(b"0000")
    target.flush()


if __name__ == "__main__":
    hook(sys.stdin.buffer, sys.stdout.buffer)
