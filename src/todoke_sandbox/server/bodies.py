"""Bodies of requests: JSON, YAML where it is not JSON, or protobuf.

Source: a real server's answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from todoke_sandbox.server import protobuf
from todoke_sandbox.verbs.refusals import Refusal

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PATCHES: Final = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}
_DEEPEST: Final = 1000  # levels of lists and maps
_TIMES: Final = "tag:yaml.org,2002:timestamp"
"""Text to Kubernetes."""
_EXPONENT: Final = r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"
"""Numbers that YAML 1.1 wants a dot and a sign in, and Kubernetes does not."""
_OBJECTS: Final = (JSON, YAML, protobuf.MEDIA_TYPE)
_decode: Final = msgspec.json.Decoder().decode


def decode(body: bytes, content_type: str, kind: str) -> Any:
    """What a body says. Args: content_type: of the request. kind: what it should be, for messages.

    Raises: Refusal: 415 for another media type, 400 for what cannot be read.
    """
    form = media_type(content_type) or JSON
    if form not in _OBJECTS:
        raise unsupported(_OBJECTS)
    if form == JSON:
        try:
            value = _decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _unrecognized(body, kind, f"json parse error: {error}") from None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _unrecognized(body, kind, "json parse error: it is no object")
        return value
    if form == protobuf.MEDIA_TYPE:
        try:
            return protobuf.decode(body)
        except protobuf.BadProtobuf as error:
            what = f"the object provided is unrecognized (must be of type {kind})"
            raise Refusal.bad_request(f"{what}: {error}") from error
    value = _yaml(body, lambda text: _unrecognized(body, kind, f"yaml parse error: {text}"))
    return {} if value is None else value


def decode_patch(body: bytes, kind: str) -> Any:
    """What a patch says. Args: kind: a value of PATCHES. Raises: Refusal: 400."""
    if kind != "apply":
        try:
            value = _decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise Refusal.bad_request("invalid JSON patch") from None
        if kind != "json" and not isinstance(value, dict):
            target = "Go value of type map[string]interface {}"
            raise Refusal.bad_request(f"error decoding patch: json: cannot unmarshal {_named(value)} into {target}")
        if kind == "json" and not isinstance(value, list):
            target = "Go value of type []handlers.jsonPatchOp"
            raise Refusal.bad_request(f"error decoding patch: json: cannot unmarshal {_named(value)} into {target}")
        return value
    try:
        value = _decode(body)  # most clients send JSON, which is YAML and a hundred times faster to read
    except (msgspec.DecodeError, RecursionError):
        value = _yaml(body, lambda text: Refusal.bad_request(f"error encoding patch: yaml: {text}"))
    if not isinstance(value, dict):
        why = f"json: cannot unmarshal {_named(value)} into Go value of type map[string]interface {{}}"
        raise Refusal.bad_request(f"error decoding patch: error unmarshaling JSON: while decoding JSON: {why}")
    return value


def media_type(content_type: str) -> str:
    """A media type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def unsupported(accepted: Sequence[str]) -> Refusal:
    """The refusal of a body of another media type."""
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return Refusal(415, "UnsupportedMediaType", message)


def _check_depth(body: bytes) -> None:
    """The parser in C calls itself for each level, and would end the process."""
    import yaml

    depth = 0
    for event in yaml.parse(body, Loader=_loader()):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError("exceeded max depth")


def _yaml(body: bytes, refuse: Callable[[str], Refusal]) -> Any:
    """One document of YAML, with nothing in it that JSON does not have."""
    import yaml  # takes 20 ms; most runs never need it

    try:
        if sum(map(body.count, b"[{-:?")) > _DEEPEST:  # only then can it be as deep
            _check_depth(body)
        return _plain(yaml.load(body, Loader=_loader()))  # noqa: S506 -- a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        raise refuse(f"{place}{getattr(error, 'problem', None) or error}") from None


@cache
def _loader() -> Any:
    """The safe loader, in C where it is there, that reads plain scalars as Kubernetes does."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        bool_values = {**yaml.constructor.SafeConstructor.bool_values, "y": True, "n": False}
        yaml_implicit_resolvers = {
            letter: [(tag, pattern) for tag, pattern in found if tag != _TIMES]
            for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_EXPONENT), list("-+0123456789."))
    return Loader


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"a {type(value).__name__} is no JSON value")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return str(key)


def _named(value: Any) -> str:
    """The type of a JSON value in the server's words."""
    if isinstance(value, bool):
        return "bool"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object", type(None): "null"}
    return names[type(value)]


def _unrecognized(body: bytes, kind: str, why: str) -> Refusal:
    shown = body[:80].decode("utf-8", "replace") if body else "<empty>"
    message = (
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; {why} ({shown})"
    )
    return Refusal.bad_request(message)
