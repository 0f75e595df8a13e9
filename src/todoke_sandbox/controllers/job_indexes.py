"""Indexes of a Job's Pods, written as `0,2-4,7`.

Source: Kubernetes documentation, "Indexed Job for Parallel Processing"; Job API reference, `completedIndexes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from todoke_sandbox.controllers.objects import notes

INDEX: Final = "batch.kubernetes.io/job-completion-index"


def read(text: str, completions: int) -> set[int]:
    """The indexes that a text stands for; those out of range are left out."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            found.update(range(int(first), int(last or first) + 1))
    return {index for index in found if index < completions}


def write(indexes: Iterable[int]) -> str:
    """The text for indexes: runs of three and more as ranges, runs of two as a pair."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def index_of(pod: Mapping[str, Any], completions: int) -> int | None:
    """The index of a Pod, if it has a valid one."""
    text = notes(pod).get(INDEX, "")
    return int(text) if text.isdecimal() and int(text) < completions else None
