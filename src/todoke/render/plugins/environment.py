"""What a plugin's commands find in their environment. Source: Argo CD v3.5, getPluginEnvs and CMP documentation."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from todoke.model.application_sources import PluginParameter, SourcePlugin
from todoke.model.errors import Blocked
from todoke.model.renderings import RenderContext
from todoke.render.reader import Reader, variables

_FORBIDDEN: Final = re.compile(r"[^A-Z0-9_]")
_SHORTEST_SECRET: Final = 4
_NO_SECRETS: Final = frozenset({"true", "false", "none", "null"})
_HTML: Final = re.compile("[<>&\u2028\u2029]")


def environment(reader: Reader, context: RenderContext) -> dict[str, str]:
    """The build environment, what the Application's plugin block says, and its parameters; not PATH, HOME and TMPDIR.

    All of it is noted as looked at. Raises: Blocked: a name or a value that no environment can hold.
    """
    told = {name: reader.variable(name) for name in variables(reader.checkout, context)}
    plugin = reader.checkout.spec.plugin
    if plugin is None:
        return told
    for number, entry in enumerate(plugin.env or ()):
        if not entry.name or "=" in entry.name:
            field = f"spec.source.plugin.env[{number}].name"
            raise Blocked(reader.subject, "it is not the name of a variable", field=field, next_step="Correct the name")
        told[f"ARGOCD_ENV_{entry.name}"] = reader.expanded(entry.value)
    told["ARGOCD_APP_PARAMETERS"] = parameters_as_json(plugin.parameters)
    for parameter in plugin.parameters or ():
        told.update(_variables(parameter))
    for name, value in told.items():
        if "\0" in name + value:
            raise Blocked(reader.subject, f"{name} holds a NUL", field="spec.source.plugin", next_step="Remove it")
    return told


def _variables(parameter: PluginParameter) -> Iterator[tuple[str, str]]:
    name = f"PARAM_{escaped(parameter.name)}"
    if parameter.string is not None:
        yield name, parameter.string
    for key, value in sorted((parameter.map or {}).items()):
        yield f"{name}_{escaped(key)}", value
    for number, value in enumerate(parameter.array or ()):
        yield f"{name}_{number}", value


def escaped(name: str) -> str:
    """A parameter's name as a part of a variable's: capitals, digits and underscores."""
    capitals = ((letter.upper() if len(letter.upper()) == 1 else letter) for letter in name)
    return _FORBIDDEN.sub("_", "".join(capitals))


def parameters_as_json(parameters: tuple[PluginParameter, ...] | None) -> str:
    """Parameters as Go writes them: names of fields and keys in order, what HTML gives a meaning to escaped."""
    if parameters is None:
        return "null"
    fields = [
        {name: value for name in ("array", "map", "name", "string") if (value := getattr(parameter, name)) is not None}
        for parameter in parameters
    ]
    text = msgspec.json.encode(fields, order="deterministic").decode()
    return _HTML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def secrets_of(plugin: SourcePlugin | None, told: Mapping[str, str], known: Mapping[str, str]) -> tuple[str, ...]:
    """What an Application tells its plugin, longest first: no error may say it, be it written in Base64.

    Args: told: the environment. known: of it what is no secret, the build environment.
    """
    if plugin is None:
        return ()
    values = [value for name, value in told.items() if name.startswith("ARGOCD_ENV_")]
    values += [entry.value for entry in plugin.env or ()]
    for parameter in plugin.parameters or ():
        values += [parameter.string or "", *(parameter.array or ()), *(parameter.map or {}).values()]
    public = {*known.values(), *_NO_SECRETS}
    pieces = {piece.strip() for value in values for piece in (value, *value.splitlines())}
    pieces = {piece for piece in pieces if len(piece) >= _SHORTEST_SECRET and piece not in public}
    coded = {base64.b64encode(piece.encode()).decode() for piece in pieces}
    return tuple(sorted(pieces | coded, key=len, reverse=True))


def masked(text: str, secrets: tuple[str, ...]) -> str:
    """A text with every secret replaced by stars."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
