"""What a Job makes of failed Pods and of succeeded indexes, by its policies.

Source: Kubernetes documentation, "Pod failure policy", "Success policy"; texts are those of a real controller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from todoke_sandbox.controllers.job_indexes import read

Json = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Attributes: fails_job: why the Job fails at once. counts: towards the back-off limit. fails_index: its index."""

    fails_job: str = ""
    counts: bool = True
    fails_index: bool = False


def judge(policy: Mapping[str, Any] | None, pod: Mapping[str, Any]) -> Verdict:
    """What a failed Pod leads to: the first rule that matches says so."""
    for number, rule in enumerate((policy or {}).get("rules") or ()):
        why = _by_codes(rule, pod, number) if rule.get("onExitCodes") else _by_conditions(rule, pod, number)
        if not why:
            continue
        match rule["action"]:
            case "FailJob":
                return Verdict(fails_job=why)
            case "Ignore":
                return Verdict(counts=False)
            case "FailIndex":
                return Verdict(fails_index=True)
        return Verdict()
    return Verdict()


def _by_codes(rule: Json, pod: Mapping[str, Any], number: int) -> str:
    wanted = rule["onExitCodes"]
    for one in _ended(pod):
        code = one["state"]["terminated"]["exitCode"]
        inside = code in (wanted.get("values") or ())
        named = wanted.get("containerName") in (None, one["name"])
        if named and code and inside == (wanted["operator"] == "In"):
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            failed = f"Container {one['name']} for pod {where} failed with exit code {code}"
            return f"{failed} matching {rule['action']} rule at index {number}"
    return ""


def _by_conditions(rule: Json, pod: Mapping[str, Any], number: int) -> str:
    for has in pod["status"].get("conditions") or ():
        for wanted in rule.get("onPodConditions") or ():
            if (has["type"], has["status"]) == (wanted["type"], wanted.get("status", "True")):
                where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                return f"Pod {where} has condition {has['type']} matching {rule['action']} rule at index {number}"
    return ""


def _ended(pod: Mapping[str, Any]) -> Iterator[Json]:
    for part in ("containerStatuses", "initContainerStatuses"):
        yield from (one for one in pod["status"].get(part) or () if "terminated" in one["state"])


def met(policy: Mapping[str, Any] | None, succeeded: set[int], completions: int) -> str:
    """Which rule of a success policy is met; empty when none is."""
    for number, rule in enumerate((policy or {}).get("rules") or () if succeeded else ()):
        wanted, count = rule.get("succeededIndexes"), rule.get("succeededCount")
        among = succeeded & read(wanted, completions) if wanted is not None else succeeded
        whole = wanted is not None and among == read(wanted, completions) and bool(among)
        if whole or (count is not None and len(among) >= count):
            return f"Matched rules at index {number}"
    return ""
