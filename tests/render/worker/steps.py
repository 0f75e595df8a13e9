"""Requests to the scripted worker, and what tests look at while it works on them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from todoke.model.trees import Found
from todoke.render.worker import EngineFailed, Workers
from todoke.source.tree import CommitTree


def request(*steps: object, engine: str = "helm") -> dict[str, Any]:
    """Steps of the scripted worker; a word stands for a step without arguments."""
    return {"engine": engine, "do": [[step] if isinstance(step, str) else list(step) for step in steps]}


class Heard:
    """A tree in which a test hears what is asked for, and acts before it is answered."""

    def __init__(self, tree: CommitTree, act: Callable[[str], object] = str) -> None:
        self._tree, self._act = tree, act
        self.asked: asyncio.Queue[str] = asyncio.Queue()

    def find(self, path: str, start: Found | None = None) -> Found:
        self.asked.put_nowait(path)
        self._act(path)
        return self._tree.find(path, start)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tree, name)


async def about(pool: Workers, tree: CommitTree) -> dict[str, Any]:
    """What the process says of itself that serves the next request."""
    told: dict[str, Any] = json.loads((await pool.run(request("tell"), tree)).data)
    return told


async def failure(pool: Workers, tree: CommitTree, *steps: object) -> str:
    with pytest.raises(EngineFailed) as caught:
        await pool.run(request(*steps), tree)
    assert str(caught.value) == caught.value.text
    return caught.value.text


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
