"""The comparison of one object: from memory where the server was asked before, else from the manifest itself."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from todoke.compare.drift import Difference, compare
from todoke.compare.fields import our_entry, our_fields, project
from todoke.compare.ignore import strip
from todoke.model.deliverables import IgnoredFields
from todoke.model.objects import LiveObject, Manifest


class Sure(enum.Enum):
    """How we know."""

    YES = "yes"
    ASK = "ask"  # the server has to be asked: one dry run
    UNCONFIRMED = "unconfirmed"  # it would have to be asked and cannot be


class Remembered(msgspec.Struct, frozen=True):
    """What the server answered to a manifest: its answer, or the live object that was found to hold it."""

    manifest: bytes
    answer: LiveObject
    verified: int  # resource version of the live object that was last found in sync


class Verdict(msgspec.Struct, frozen=True):
    """Differences of one object, empty when it is in sync."""

    differences: tuple[Difference, ...] = ()
    sure: Sure = Sure.YES

    @property
    def in_sync(self) -> bool:
        """Whether nothing has to be done."""
        return not self.differences and self.sure is Sure.YES


IN_SYNC = Verdict()


def judge(
    manifest: Manifest, live: LiveObject, remembered: Remembered | None, rules: tuple[IgnoredFields, ...] = ()
) -> Verdict:
    """Compare without asking.

    The verdict is sure when the server once answered this very manifest for this very object, or when nothing
    differs. Otherwise `sure` says ASK and the differences are those of the manifest as written.
    """
    if remembered is not None and (remembered.manifest != manifest.raw or remembered.answer.uid != live.uid):
        remembered = None
    if remembered is not None and remembered.verified == live.resource_version:
        return IN_SYNC
    body = live.body
    if remembered is not None:
        return Verdict(differences(remembered.answer.body, body, rules))
    entry = our_entry(body)
    if entry is None or entry.get("apiVersion") != manifest.kind.api_version:
        return Verdict(_against_manifest(manifest, body, {}, rules), Sure.ASK)
    found = _against_manifest(manifest, body, entry.get("fieldsV1") or {}, rules)
    return Verdict(found, Sure.ASK if found else Sure.YES)


def differences(
    answer: dict[str, Any], live: dict[str, Any], rules: tuple[IgnoredFields, ...] = ()
) -> tuple[Difference, ...]:
    """What an apply would change, given the server's answer to it (a dry run's, or an earlier apply's)."""
    fields = our_fields(answer) or {}
    wanted = project(answer, fields)
    held = our_fields(live)
    if rules:
        strip((wanted, live), rules, live)
    return compare(wanted, fields, live, fields if held is None else held)


def _against_manifest(
    manifest: Manifest, live: dict[str, Any], fields: Mapping[str, Any], rules: tuple[IgnoredFields, ...]
) -> tuple[Difference, ...]:
    wanted = manifest.body
    if rules:
        strip((wanted, live), rules, live)
    for name in ("apiVersion", "kind"):
        wanted.pop(name)
    identity = wanted["metadata"]
    wanted["metadata"] = {name: value for name, value in identity.items() if name not in ("name", "namespace")}
    return compare(wanted, fields, live)
