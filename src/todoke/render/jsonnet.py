"""What a Jsonnet file is evaluated with. Source: Argo CD, "Jsonnet"."""

from collections.abc import Iterable
from typing import Any

from todoke.model.application_sources import JsonnetVar, SourceJsonnet
from todoke.render.reader import Reader


def request(reader: Reader, path: str) -> dict[str, Any]:
    """What the worker is asked to evaluate. Args: path: of the file, from the tree's root.

    Libraries are paths from the root, the last one is searched first; the source's own folder is the first of them.
    """
    spec, options = reader.checkout.spec, reader.checkout.spec.jsonnet or SourceJsonnet()
    libs = [reader.path(f"/{lib}", reader.subject) for lib in options.libs or ()]
    return {
        "engine": "jsonnet",
        "path": path,
        "libs": ["" if spec.path == "." else spec.path, *libs],
        "ext": _told(options.ext_vars, reader),
        "tla": _told(options.tlas, reader),
    }


def _told(variables: Iterable[JsonnetVar] | None, reader: Reader) -> dict[str, list[Any]]:
    return {variable.name: [reader.expanded(variable.value), variable.code] for variable in variables or ()}
