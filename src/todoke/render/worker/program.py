"""Where the render worker's program is."""

import os
from collections.abc import Mapping
from pathlib import Path

_BESIDE = Path(__file__).parents[1] / "bin" / "render-worker"


def program(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The program that `TODOKE_RENDER_WORKER` names, else the one that was installed with us; None: there is none.

    A path that the variable names is returned even if nothing is there: starting it then says so.
    """
    named = environ.get("TODOKE_RENDER_WORKER", "")
    if named:
        return Path(named).absolute()
    return _BESIDE if _BESIDE.is_file() else None
