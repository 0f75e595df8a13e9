"""Role-based access: whether a user may do what they ask for, decided from roles and bindings alone.

Source: Kubernetes documentation, "Using RBAC Authorization"; reasons as a real server words them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

Json = dict[str, Any]
Rule = Mapping[str, Any]

MASTERS: Final = "system:masters"
ANONYMOUS: Final = "system:anonymous"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
ACCOUNT_PREFIX: Final = "system:serviceaccount:"
API_GROUP: Final = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class User:
    """Who asks. Attributes: uid: empty for who has none. extra: further facts, by name."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        """Whether no rule is asked at all."""
        return MASTERS in self.groups


@dataclass(frozen=True)
class Asked:
    """What is to be done: a verb on a resource, or on a path that is none.

    Attributes: namespace: empty for everywhere. path: of requests that are for no resource.
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """As rules name it: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True)
class Policy:
    """The bindings that count in one namespace.

    Attributes: rules: of a role, by kind, namespace and name; None when there is no such role.
    """

    cluster_bindings: Sequence[Json]
    bindings: Sequence[Json]
    rules: Callable[[str, str, str], Sequence[Rule] | None]


class Decision(NamedTuple):
    """Whether it is allowed, and why or what stood in the way. Attributes: missing: roles that are bound but absent."""

    allowed: bool
    reason: str = ""
    missing: tuple[str, ...] = ()


class Grant(NamedTuple):
    """One rule that a user has, and through what."""

    rule: Rule
    reason: str


def authorize(user: User, asked: Asked, policy: Policy) -> Decision:
    """Whether the user may. Members of `system:masters` may do everything."""
    if user.is_master:
        return Decision(True)
    missing: list[str] = []
    for grant in grants(user, policy, missing):
        if covers(grant.rule, asked):
            return Decision(True, grant.reason)
    texts = tuple(dict.fromkeys(missing))
    return Decision(False, f"rbac: RBAC: {joined(texts)}" if texts else "", texts)


def grants(user: User, policy: Policy, missing: list[str]) -> Iterator[Grant]:
    """Every rule that a user has. Roles that are bound but absent are added to `missing`."""
    for binding in policy.cluster_bindings:
        yield from _granted(user, binding, policy, missing)
    for binding in policy.bindings:
        yield from _granted(user, binding, policy, missing)


def joined(texts: Sequence[str]) -> str:
    """Several errors as one."""
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def covers(rule: Rule, asked: Asked) -> bool:
    """Whether one rule allows it."""
    if not _has(rule.get("verbs"), asked.verb):
        return False
    if asked.path:
        return any(_path_fits(pattern, asked.path) for pattern in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames") or ()
    return (
        _has(rule.get("apiGroups"), asked.group)
        and _resource_fits(rule.get("resources") or (), asked)
        and (not names or asked.name in names)
    )


def _granted(user: User, binding: Json, policy: Policy, missing: list[str]) -> Iterator[Grant]:
    metadata, role = binding["metadata"], binding["roleRef"]
    namespace = metadata.get("namespace", "")
    subject = next((s for s in binding.get("subjects") or () if _is(user, s, namespace)), None)
    if subject is None:
        return
    rules = policy.rules(role["kind"], namespace, role["name"])
    if rules is None:
        missing.append(f'{role["kind"].lower()}.{API_GROUP} "{role["name"]}" not found')
        return
    kind, place = ("RoleBinding", f"{metadata['name']}/{namespace}") if namespace else ("ClusterRoleBinding", "")
    to = f'{subject["kind"]} "{_subject_name(subject, namespace)}"'
    reason = f'RBAC: allowed by {kind} "{place or metadata["name"]}" of {role["kind"]} "{role["name"]}" to {to}'
    for rule in rules:
        yield Grant(rule, reason)


def _is(user: User, subject: Mapping[str, Any], namespace: str) -> bool:
    if subject["kind"] == "User":
        return bool(subject["name"] == user.name)
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    place = subject.get("namespace") or namespace
    return bool(place) and user.name == f"{ACCOUNT_PREFIX}{place}:{subject['name']}"


def _subject_name(subject: Mapping[str, Any], namespace: str) -> str:
    if subject["kind"] != "ServiceAccount":
        return str(subject["name"])
    return f"{subject['name']}/{subject.get('namespace') or namespace}"


def _has(listed: Sequence[str] | None, value: str) -> bool:
    return listed is not None and ("*" in listed or value in listed)


def _resource_fits(listed: Sequence[str], asked: Asked) -> bool:
    if "*" in listed or asked.full_resource in listed:
        return True
    return bool(asked.subresource) and f"*/{asked.subresource}" in listed


def _path_fits(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern.rstrip("*"))
    return pattern == path
