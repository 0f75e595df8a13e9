"""Which application owns an object: the tracking-id annotation.

Source of the rule: Argo CD `argocd.argoproj.io/tracking-id: <app>:<group>/<kind>:<namespace>/<name>`; a
cluster-scoped object carries the destination's namespace.
"""

import msgspec

from todoke.model.objects import ObjectKey

TRACKING_ID = "argocd.argoproj.io/tracking-id"
INSTALLATION_ID = "argocd.argoproj.io/installation-id"
MANAGER = "todoke"
"""Field manager of everything we apply."""


class Claim(msgspec.Struct, frozen=True):
    """What a tracking id says: the application's instance name and the object it was written for."""

    instance: str
    key: ObjectKey


def tracking_id(instance: str, key: ObjectKey, destination_namespace: str) -> str:
    """The annotation's value for an object of an application."""
    namespace = key.namespace or destination_namespace
    return f"{instance}:{key.group}/{key.kind}:{namespace}/{key.name}"


def parse(value: str) -> Claim | None:
    """The claim in a tracking id, or None when the text is not one."""
    instance, _, rest = value.partition(":")
    kind_part, _, name_part = rest.partition(":")  # names of roles may hold colons themselves
    group, slash, kind = kind_part.partition("/")
    namespace, second, name = name_part.partition("/")
    if not (instance and slash and second and kind and name):
        return None
    return Claim(instance, ObjectKey(group, kind, namespace, name))


def claimant(value: str, key: ObjectKey) -> str:
    """Instance name of the application that owns `key`, or "".

    An id that was written for another object (an operator that copies annotations to its children) claims nothing.
    """
    claim = parse(value) if value else None
    if claim is None or (claim.key.group, claim.key.kind, claim.key.name) != (key.group, key.kind, key.name):
        return ""
    return claim.instance if key.namespace in ("", claim.key.namespace) else ""
