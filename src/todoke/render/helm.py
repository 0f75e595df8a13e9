"""What a Helm chart is rendered with. Source: Argo CD, "Helm"; `helm template`."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from todoke.model.application_sources import HelmFileParameter, SourceHelm
from todoke.model.errors import Blocked
from todoke.model.renderings import RenderContext
from todoke.model.sources import shown_url
from todoke.render.reader import Reader, inside, is_glob

Json = dict[str, Any]

_BARE_COMMA = re.compile(r"(?<!\\),")
_NUMBERED = re.compile(r"failed to parse values (\d+): ")
_SET = re.compile(r"failed parsing --(set|set-string|set-file) data (\d+): ")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_URL: Final = "://"  # in the place of a source's ref, which cannot be called so
_DEFAULT: Final = SourceHelm()


def request(reader: Reader, context: RenderContext) -> Json:
    """What the worker is asked to render: the chart, its values in order, and the cluster it is for.

    Raises: Blocked: a value file is missing or cannot be read; names it.
    """
    spec, options = reader.checkout.spec, reader.checkout.spec.helm or _DEFAULT
    if options.version not in ("", "v3", "v4"):
        problem = f"{options.version} is not there, only the version that comes with todoke"
        raise _blocked(reader, "version", problem, "Remove it")
    settings: dict[str, list[Any]] = {"set": [], "set_string": [], "set_file": []}
    for parameter in options.parameters or ():
        text = f"{parameter.name}={_escaped(reader.expanded(parameter.value))}"
        settings["set_string" if parameter.force_string else "set"].append(text)
    for file in options.file_parameters or ():
        settings["set_file"].append([file.name, _contents(reader, file)])
    return {
        "engine": "helm",
        "path": "" if spec.path == "." else spec.path,
        "release": reader.expanded(options.release_name) or context.application,
        "namespace": options.namespace or context.namespace,
        "values": [text for _, text in _values(reader, options)],
        **settings,
        "kube_version": options.kube_version or reader.variable("KUBE_VERSION"),
        "api_versions": [*(options.api_versions or filter(None, reader.variable("KUBE_API_VERSIONS").split(",")))],
        "include_crds": not options.skip_crds,
        "skip_tests": options.skip_tests,
        "skip_schema_validation": options.skip_schema_validation,
    }


def _escaped(value: str) -> str:
    """A parameter's value with its commas made plain text; a list in braces stays a list."""
    return value if value.startswith("{") and value.endswith("}") else _BARE_COMMA.sub(r"\,", value)


def explained(text: str, reader: Reader) -> str:
    """What Helm says, with the name of the values that it knows by their number only."""
    if (match := _SET.match(text)) is not None:
        return f"{_parameter(match[1], int(match[2]) - 1, reader)}: {text[match.end() :]}"
    if (match := _NUMBERED.match(text)) is None:
        return text
    name, _ = _values(reader, reader.checkout.spec.helm or _DEFAULT)[int(match[1]) - 1]
    return f"{name}: {text[match.end() :]}"


def _parameter(kind: str, index: int, reader: Reader) -> str:
    """The field and the name of a parameter, by its place among those of its kind."""
    options = reader.checkout.spec.helm or _DEFAULT
    if kind == "set-file":
        return f"spec.source.helm.fileParameters: {(options.file_parameters or ())[index].name}"
    ours = [each for each in options.parameters or () if bool(each.force_string) == (kind == "set-string")]
    return f"spec.source.helm.parameters: {ours[index].name}"


def value_urls(reader: Reader, schemes: Sequence[str] | None = None) -> list[str]:
    """The value files that are named by their URL.

    Args: schemes: those that are permitted; None: all.
    Raises: Blocked: another one; names the file.
    """
    written = (reader.checkout.spec.helm or _DEFAULT).value_files or ()
    urls = list(filter(None, (_url(reader, one) for one in written)))
    for url in urls if schemes is not None else ():
        scheme = urlsplit(url).scheme.lower()
        if scheme not in (schemes or ()) or scheme not in ("http", "https"):
            problem = f'"{shown_url(url)}" begins with {scheme}://, which value files are not fetched by'
            step = "Use https://, as helm.valuesFileSchemes of the ConfigMap argocd-cm permits it"
            raise _blocked(reader, "valueFiles", problem, step)
    return urls


def _url(reader: Reader, written: str) -> str:
    """The URL that a file is named by, "" for a path."""
    if written.startswith("$") and not reader.begins_with_variable(written.partition("/")[0]):
        return ""
    text = reader.expanded(written)
    return text if _SCHEME.match(text) else ""


def _values(reader: Reader, options: SourceHelm) -> list[tuple[str, str]]:
    """All values in order, the later ones win, each with what a person calls them."""
    values = _value_files(reader, options)
    if options.values_object:
        values.append(("valuesObject", msgspec.json.encode(options.values_object).decode()))
    elif options.values:
        values.append(("values", options.values))
    return values


def _value_files(reader: Reader, options: SourceHelm) -> list[tuple[str, str]]:
    """The value files in order, with their contents. One named by itself is not taken a second time from a glob."""
    places = []
    for written in options.value_files or ():
        url = _url(reader, written)
        places.append((written, _URL, url) if url else (written, *_place(reader, written, "valueFiles")))
    named = {(ref, path) for _, ref, path in places if not is_glob(path)}
    values = []
    for written, ref, path in places:
        if ref == _URL:
            values += _fetched(reader, path, options)
            continue
        found = [path]
        if is_glob(path):
            found = [each for each in reader.globbed(path, ref) if (ref, each) not in named]
        read = [(each, reader.file(each, ref)) for each in found]
        missing = [each for each, data in read if data is None]
        if (missing or not found) and not options.ignore_missing_value_files:
            problem = f'"{written}" matches no file' if not found else f'there is no file "{missing[0]}"'
            raise _blocked(reader, "valueFiles", problem, "Push it, or set ignoreMissingValueFiles")
        shown = f"${ref}/" if ref else ""
        values += [(shown + each, _text(reader, each, data)) for each, data in read if data is not None]
    return values


def _fetched(reader: Reader, url: str, options: SourceHelm) -> list[tuple[str, str]]:
    data = reader.fetched.get(url)
    if data is not None:
        return [(shown_url(url), _text(reader, shown_url(url), data))]
    if options.ignore_missing_value_files:
        return []
    problem = f'"{shown_url(url)}" is not there (HTTP 404)'
    raise _blocked(reader, "valueFiles", problem, "Correct it, or set ignoreMissingValueFiles")


def _contents(reader: Reader, file: HelmFileParameter) -> str:
    ref, path = _place(reader, file.path, "fileParameters")
    data = reader.file(path, ref)
    if data is None:
        raise _blocked(reader, "fileParameters", f'there is no file "{path}" for {file.name}', "Push it")
    return _text(reader, path, data)


def _text(reader: Reader, path: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _blocked(reader, "valueFiles", f'"{path}" is not UTF-8 text', "Correct its encoding") from None


def _place(reader: Reader, written: str, field: str) -> tuple[str, str]:
    """In which source a file lies, and its path there."""
    name, _, rest = written.partition("/")
    if name.startswith("$") and name[1:] in reader.checkout.refs:
        path = inside(reader.expanded(rest), written, reader.subject)
        return name[1:], path
    if name.startswith("$") and not reader.begins_with_variable(name):
        problem = f'"{written}" points to a source called {name[1:]}, and no source has that ref'
        raise _blocked(reader, field, problem, "Give a source that ref, or correct the name")
    text = reader.expanded(written)
    if _SCHEME.match(text):
        problem = f'"{shown_url(text)}" is a URL, and only value files are fetched by one'
        raise _blocked(reader, field, problem, "Commit the file to a repository")
    return "", reader.path(text, reader.subject)


def _blocked(reader: Reader, field: str, problem: str, next_step: str) -> Blocked:
    return Blocked(reader.subject, problem, field=f"spec.source.helm.{field}", next_step=next_step)
