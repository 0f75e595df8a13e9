"""What a plugin says of itself. Source of the fields: Argo CD v3.5, "Config Management Plugins", plugin.yaml."""

import hashlib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from todoke.model.globs import BadGlob, alternatives, path_match

NETWORK: Final = "todoke.dev/network"
"""Annotation of a plugin that may use the network."""
_API_VERSION: Final = "argoproj.io/v1alpha1"
_KIND: Final = "ConfigManagementPlugin"

_ANY_NAME: Final = "*"
_COMMAND: Final = {"command": [str], "args": [str]}
_ANNOUNCED: Final = {
    "name": str,
    "title": str,
    "tooltip": str,
    "required": bool,
    "itemType": str,
    "collectionType": str,
    "string": str,
    "array": [str],
    "map": {_ANY_NAME: str},
}
_SHAPE: Final = {
    "apiVersion": str,
    "kind": str,
    "metadata": {"name": str, "namespace": str, "labels": {_ANY_NAME: str}, "annotations": {_ANY_NAME: str}},
    "spec": {
        "version": str,
        "init": _COMMAND,
        "generate": _COMMAND,
        "discover": {"fileName": str, "find": {**_COMMAND, "glob": str}},
        "parameters": {"static": [_ANNOUNCED], "dynamic": _COMMAND},
        "preserveFileMode": bool,
        "provideGitCreds": bool,
        "lockRepo": bool,
        "allowConcurrency": bool,  # of older versions
    },
}
_EXPECTED: Final = {str: "text", bool: "true or false", dict: "a map", list: "a list"}
_COLLECTIONS: Final = ("", "string", "array", "map")


class Plugin(msgspec.Struct, frozen=True):
    """One plugin. A command is a program with its arguments, () where there is none.

    Attributes:
        name: with its version, as Applications name it.
        file_name, find_glob, find_command: by which it says that a folder is one of its own; the first one counts.
        keeps_modes: the files that it is given are executable where the repository says so.
        network: whether it may use the network.
        digest: of its definition.
    """

    name: str
    generate: tuple[str, ...]
    init: tuple[str, ...] = ()
    file_name: str = ""
    find_glob: str = ""
    find_command: tuple[str, ...] = ()
    keeps_modes: bool = False
    network: bool = False
    digest: str = ""

    @property
    def discovers(self) -> bool:
        """Whether it says which folders are its own; one that does not is used by name only."""
        return bool(self.file_name or self.find_glob or self.find_command)


def plugin_of(body: Any) -> Plugin | list[str]:
    """The plugin that a definition describes, or everything that is wrong with it, each with its field."""
    if not isinstance(body, dict):
        return [f"expected a map, got {_named(body)}"]
    problems = [*_misfits(body, _SHAPE, "")]
    return problems or [*_faults(body)] or _read(body)


def _read(body: Mapping[str, Any]) -> Plugin:
    metadata, spec = body["metadata"], body["spec"]
    discover = spec.get("discover") or {}
    find = discover.get("find") or {}
    return Plugin(
        name="-".join(part for part in (metadata["name"], spec.get("version")) if part),
        generate=_words(spec["generate"]),
        init=_words(spec.get("init")),
        file_name=discover.get("fileName") or "",
        find_glob=find.get("glob") or "",
        find_command=_words(find),
        keeps_modes=bool(spec.get("preserveFileMode")),
        network=(metadata.get("annotations") or {}).get(NETWORK) == "true",
        digest=hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest(),
    )


def _words(command: Mapping[str, Any] | None) -> tuple[str, ...]:
    command = command or {}
    return (*(command.get("command") or ()), *(command.get("args") or ()))


def _misfits(value: Any, shape: Any, field: str) -> Iterator[str]:
    """Fields that are not there, and values of the wrong kind. A null is as good as nothing."""
    if value is None:
        return
    kind = type(shape) if isinstance(shape, dict | list) else shape
    if not isinstance(value, kind):
        hint = ", put it into quotes" if shape is str and not isinstance(value, dict | list) else ""
        yield f"{field}: expected {_EXPECTED[kind]}, got {_named(value)}{hint}"
    elif isinstance(value, dict):
        yield from _misfits_inside(value, shape, field)
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            if item is None:
                yield f"{field}[{number}]: is empty"
            yield from _misfits(item, shape[0], f"{field}[{number}]")
    elif shape is str and "\0" in value:
        yield f"{field}: holds a NUL"


def _misfits_inside(value: Mapping[str, Any], shape: Mapping[str, Any], field: str) -> Iterator[str]:
    for name, item in value.items():
        inner = f"{field}.{name}" if field else name
        if name in shape or _ANY_NAME in shape:
            yield from _misfits(item, shape.get(name, shape.get(_ANY_NAME)), inner)
        else:
            yield f"{inner}: there is no such field{_near(name, shape)}"


def _near(name: str, shape: Mapping[str, Any]) -> str:
    near = get_close_matches(name, shape, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else msgspec.json.encode(value).decode()


def _faults(body: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a definition that has the right shape."""
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    for field, wanted in (("apiVersion", _API_VERSION), ("kind", _KIND)):
        if body.get(field) != wanted:
            yield f"{field}: expected {wanted}, got {_named(body.get(field))}"
    for field, name in (("metadata.name", metadata.get("name")), ("spec.version", spec.get("version"))):
        if field == "metadata.name" and not name:
            yield f"{field}: is empty"
        elif name and (name.split() != [name] or "/" in name):
            yield f"{field}: holds a blank or a slash"
    allowed = (metadata.get("annotations") or {}).get(NETWORK, "false")
    if allowed not in ("true", "false"):
        yield f"metadata.annotations[{NETWORK}]: expected true or false, got {_named(allowed)}"
    if spec.get("provideGitCreds"):
        yield "spec.provideGitCreds: plugins are given no credentials by this version. Set it to false"
    yield from _bad_commands(spec)
    yield from _bad_globs(spec.get("discover") or {})
    yield from _bad_parameters((spec.get("parameters") or {}).get("static") or ())


def _bad_commands(spec: Mapping[str, Any]) -> Iterator[str]:
    commands = {
        "spec.init": spec.get("init"),
        "spec.generate": spec.get("generate"),
        "spec.discover.find": (spec.get("discover") or {}).get("find"),
        "spec.parameters.dynamic": (spec.get("parameters") or {}).get("dynamic"),
    }
    for field, command in commands.items():
        words = (command or {}).get("command")
        needed = field == "spec.generate" or (command or {}).get("args")
        if (needed and not words) or (words and not words[0]):
            yield f"{field}.command: it names no program"


def _bad_globs(discover: Mapping[str, Any]) -> Iterator[str]:
    globs = {"fileName": discover.get("fileName"), "find.glob": (discover.get("find") or {}).get("glob")}
    for field, pattern in globs.items():
        if pattern and (problem := _bad_glob(pattern, braces=field == "find.glob")):
            yield f"spec.discover.{field}: {problem}"


def _bad_glob(pattern: str, *, braces: bool) -> str:
    if pattern.startswith("/") or ".." in pattern.split("/"):
        return "leads out of the source's folder"
    try:
        for one in alternatives(pattern) if braces else (pattern,):
            path_match(one, "")
    except BadGlob as error:
        return f"is not a glob: {error}"
    return ""


def _bad_parameters(announced: Any) -> Iterator[str]:
    seen = set()
    for number, parameter in enumerate(announced):
        field = f"spec.parameters.static[{number}]"
        name, collection = parameter.get("name"), parameter.get("collectionType") or ""
        if not name:
            yield f"{field}.name: is empty"
        elif name in seen:
            yield f"{field}.name: {name} is there twice"
        seen.add(name)
        if collection not in _COLLECTIONS:
            yield f"{field}.collectionType: expected string, array or map, got {_named(collection)}"
            continue
        for kind in _COLLECTIONS[1:]:
            if parameter.get(kind) is not None and kind != (collection or "string"):
                yield f"{field}.{kind}: its collectionType is {collection or 'string'}"
