"""Nobody hands out rights that they do not hold: the check on every write to a role or a binding.

Source: Kubernetes documentation, "Privilege escalation prevention and bootstrapping"; a real server's words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from todoke_sandbox.server.access.authorize import Policy, Rule, User, grants

Json = dict[str, Any]


class _Atom(NamedTuple):
    """A rule with one group, one resource and at most one name, or one path; its verb apart."""

    group: str = ""
    resource: str = ""
    name: str = ""
    path: str = ""


_EVERYTHING: Final = "*"


def refusal(user: User, rules: Sequence[Rule], policy: Policy) -> str:
    """What a server says to a user who would grant rules that they do not hold; empty when they hold them all."""
    held = [atom for grant in grants(user, policy, []) for atom in _atoms(grant.rule)]
    lacking: dict[_Atom, list[str]] = {}
    for atom, verb in (found for rule in rules for found in _atoms(rule)):
        if not any(_implies(mine, own, atom, verb) for mine, own in held):
            verbs = lacking.setdefault(atom, [])
            if verb not in verbs:
                verbs.append(verb)
    if not lacking:
        return ""
    texts = sorted(_text(atom, verbs) for atom, verbs in lacking.items())
    groups = " ".join(_quoted(group) for group in user.groups)
    who = f"user {_quoted(user.name)} (groups=[{groups}])"
    return f"{who} is attempting to grant RBAC permissions not currently held:\n" + "\n".join(texts)


def _atoms(rule: Rule) -> Iterator[tuple[_Atom, str]]:
    for verb in rule.get("verbs") or ():
        for path in rule.get("nonResourceURLs") or ():
            yield _Atom(path=path), verb
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                for name in rule.get("resourceNames") or [""]:
                    yield _Atom(group, resource, name), verb


def _implies(held: _Atom, held_verb: str, wanted: _Atom, verb: str) -> bool:
    if held_verb not in (_EVERYTHING, verb):
        return False
    if wanted.path or held.path:
        wide = held.path.endswith("*") and wanted.path.startswith(held.path.rstrip("*"))
        return bool(wanted.path and held.path) and (wide or held.path == wanted.path)
    return (
        held.group in (_EVERYTHING, wanted.group)
        and _resource_implied(held.resource, wanted.resource)
        and held.name in ("", wanted.name)
    )


def _resource_implied(held: str, wanted: str) -> bool:
    if held in (_EVERYTHING, wanted):
        return True
    return held.startswith("*/") and "/" in wanted and wanted.partition("/")[2] == held[2:]


def _text(atom: _Atom, verbs: list[str]) -> str:
    listed = f"Verbs:[{' '.join(_quoted(verb) for verb in verbs)}]"
    if atom.path:
        return f"{{NonResourceURLs:[{_quoted(atom.path)}], {listed}}}"
    names = f"ResourceNames:[{_quoted(atom.name)}], " if atom.name else ""
    return f"{{APIGroups:[{_quoted(atom.group)}], Resources:[{_quoted(atom.resource)}], {names}{listed}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
