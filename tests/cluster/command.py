"""The program `todoke` as a process, once from start to end; and on a terminal, with somebody who answers.

result = await todoke("app", "list", stage=stage)
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import NamedTuple

from tests.cluster.stage import Stage

PROGRAM = Path(sys.executable).parent / "todoke"
SOURCE = Path(__file__).resolve().parents[2] / "src"
SECONDS = 60.0


class Ended(NamedTuple):
    """What became of one call."""

    code: int
    out: str
    err: str


def environment(namespace: str, kubeconfig: Path, folder: Path) -> dict[str, str]:
    """Variables of one installation; nothing of the developer's own settings gets in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TODOKE_", "KUBE"))}
    return kept | {
        "PYTHONPATH": str(SOURCE),
        "TODOKE_NAMESPACE": namespace,
        "TODOKE_KUBECONFIG": str(kubeconfig),
        "TODOKE_STATE_FOLDER": str(folder / "state"),
        "NO_COLOR": "1",
    }


async def todoke(
    *words: str,
    stage: Stage | None = None,
    namespace: str = "",
    kubeconfig: Path | None = None,
    folder: Path | None = None,
    seconds: float = SECONDS,
) -> Ended:
    """Run it to its end with nobody at a terminal, on a stage's namespace or the one that is named."""
    if stage is not None:
        namespace, kubeconfig, folder = stage.namespace, stage.kubeconfig, stage.state.parent
    assert kubeconfig is not None
    assert folder is not None
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(namespace, kubeconfig, folder),
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"{words} did not end: {out.decode()}{err.decode()}") from None
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())
