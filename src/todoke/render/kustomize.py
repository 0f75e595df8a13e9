"""What the options of an Application change in a kustomization. Source: Argo CD, "Kustomize"; `kustomize edit`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from todoke.model.application_sources import KustomizePatch, KustomizeReplica, SourceKustomize
from todoke.model.errors import Blocked
from todoke.render.build_options import BuildOptions
from todoke.render.detection import KUSTOMIZATIONS
from todoke.render.kubernetes_yaml import NotYaml, load
from todoke.render.reader import Reader

Json = dict[str, Any]

_COUNT = re.compile(r"[-+]?[0-9]+\Z")
_KEEP: Final = "*"
_LISTS: Final = ("images", "replicas", "labels", "patches", "components")
_MAPS: Final = ("commonLabels", "commonAnnotations")
_EMPTY: Final = SourceKustomize()


def request(reader: Reader, build: BuildOptions) -> Json:
    """What the worker is asked to build: the folder, and its kustomization with the options put in.

    Args: build: the installation's options.
    Raises: Blocked: the kustomization cannot be read, or an option contradicts it; names the option.
    """
    spec = reader.checkout.spec
    folder = "" if spec.path == "." else spec.path
    asked: Json = {"engine": "kustomize", "path": folder, **msgspec.structs.asdict(build)}
    options = spec.kustomize or _EMPTY
    if build.enable_helm:
        apis = options.api_versions or filter(None, reader.variable("KUBE_API_VERSIONS").split(","))
        asked |= {
            "kube_version": options.kube_version or reader.variable("KUBE_VERSION"),
            "api_versions": [*apis],
        }
    if options.version:
        problem = f"version {options.version} is not there, only the one that comes with todoke"
        raise _blocked(reader, "version", problem, "Remove it")
    if options == _EMPTY:
        return asked
    for name in KUSTOMIZATIONS:
        path = f"{folder}/{name}" if folder else name
        if (text := reader.file(path)) is not None:
            changed = edited(_kustomization(text, path), options, reader)
            return asked | {"overlay": {path: msgspec.json.encode(changed).decode()}}
    raise _blocked(reader, "", f'there is no {KUSTOMIZATIONS[0]} in "{spec.path}"', "Add it, or correct the path")


def _kustomization(text: bytes, path: str) -> Json:
    try:
        value = load(text)
    except NotYaml as error:
        raise Blocked(f"{path}, line {error.line}", error.problem, next_step="Correct the YAML") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Blocked(path, "is not a map")
    for kind, called, fields in ((list, "a list", _LISTS), (dict, "a map", _MAPS)):
        for field in fields:
            if not isinstance(value.get(field), kind | None):
                raise Blocked(path, f"is not {called}", field=field, next_step="Correct it")
    return value


def edited(kustomization: Mapping[str, Any], options: SourceKustomize, reader: Reader) -> Json:
    """The kustomization as `kustomize edit` and the options make it."""
    new = dict(kustomization)
    for field, text in (
        ("namePrefix", options.name_prefix),
        ("nameSuffix", options.name_suffix),
        ("namespace", options.namespace),
    ):
        if text:
            new[field] = text
    if options.images:
        new["images"] = images(new.get("images") or [], map(reader.expanded, options.images), reader)
    if options.replicas:
        new["replicas"] = _replicas(new.get("replicas") or [], options.replicas, reader)
    _label(new, options, reader)
    if options.common_annotations:
        _annotate(new, options, options.common_annotations, reader)
    if options.patches:
        new["patches"] = [*(new.get("patches") or []), *map(_patch, options.patches)]
    if options.components:
        wanted = [c for c in options.components if not options.ignore_missing_components or _is_there(c, reader)]
        there = new.get("components") or []
        new["components"] = [*there, *(component for component in dict.fromkeys(wanted) if component not in there)]
    return new


def _annotate(new: Json, options: SourceKustomize, texts: Mapping[str, str], reader: Reader) -> None:
    if options.common_annotations_envsubst:
        texts = {name: reader.expanded(text) for name, text in texts.items()}
    texts = {name: _unquoted(text) for name, text in texts.items()}
    there, force = new.get("commonAnnotations") or {}, options.force_common_annotations
    new["commonAnnotations"] = _added(there, "commonAnnotations", texts, force=force, reader=reader)


def _is_there(component: str, reader: Reader) -> bool:
    return reader.is_there(reader.path(component, f"{reader.subject}: component {component}"))


def images(there: Iterable[Any], wanted: Iterable[str], reader: Reader) -> list[Json]:
    """The images of a kustomization with those set that an option names, sorted by name; `*` keeps what is there.

    Raises: Blocked: a text that sets nothing.
    """
    found = {image["name"]: image for image in (_image(text, reader) for text in wanted)}
    named, odd = _by_name(there)
    for name, image in named:
        setting = found.setdefault(name, image)
        if setting is not image:
            found[name] = {field: image.get(field, "") if value == _KEEP else value for field, value in setting.items()}
    return [*(_without_stars(found[name]) for name in sorted(found)), *odd]


def _by_name(entries: Iterable[Any]) -> tuple[list[tuple[str, Json]], list[Any]]:
    """The entries of a list with their names, and those that have none: kustomize will say what is wrong with them."""
    named, odd = [], []
    for entry in entries:
        name = entry.get("name", "") if isinstance(entry, dict) else None
        if isinstance(name, str):
            named.append((name, entry))
        else:
            odd.append(entry)
    return named, odd


def _without_stars(image: Json) -> Json:
    return {field: value for field, value in image.items() if field == "name" or value not in ("", _KEEP)}


def _image(text: str, reader: Reader) -> Json:
    """An image as `kustomize edit set image` reads it: `name=other:tag@digest`, `name:tag`, `name@digest`."""
    name, equals, other = text.partition("=")
    name, place_text = (name, other) if equals else ("", text)
    place, tag, digest = _parts(place_text)
    if place == text:
        problem = f'"{text}" is not an image to set'
        raise _blocked(reader, "images", problem, "Write name:tag, name@digest or name=other:tag")
    named = {"name": name, "newName": place} if name else {"name": place}
    return {**named, "newTag": tag, "digest": digest}


def _parts(image: str) -> tuple[str, str, str]:
    """Name, tag and digest of an image; a colon before the first slash is that of a port."""
    slash = max(image.find("/"), 0)
    tagged, _, digest = image[slash:].partition("@")
    name, _, tag = tagged.partition(":")
    return image[:slash] + name, tag, digest


def _replicas(there: list[Any], wanted: Iterable[KustomizeReplica], reader: Reader) -> list[Json]:
    found = {}
    for replica in wanted:
        if not _COUNT.match(str(replica.count)):
            problem = f'the count "{replica.count}" of {replica.name} is not a number'
            raise _blocked(reader, "replicas", problem, "Write a whole number")
        found[replica.name] = {"name": replica.name, "count": int(replica.count)}
    named, odd = _by_name(there)
    for name, entry in named:
        found.setdefault(name, entry)
    return [*(found[name] for name in sorted(found)), *odd]


def _label(new: Json, options: SourceKustomize, reader: Reader) -> None:
    if not options.common_labels:
        return
    texts = {name: _unquoted(reader.expanded(text)) for name, text in options.common_labels.items()}
    if options.label_without_selector:
        new["labels"] = _labelled(new.get("labels") or [], texts, options, reader)
        return
    if options.label_include_templates:
        next_step = "Set labelWithoutSelector too"
        raise _blocked(reader, "labelIncludeTemplates", "means something only without selectors", next_step)
    there = new.get("commonLabels") or {}
    new["commonLabels"] = _added(there, "commonLabels", texts, force=options.force_common_labels, reader=reader)


def _labelled(there: list[Any], texts: Mapping[str, str], options: SourceKustomize, reader: Reader) -> list[Any]:
    """The labels of a kustomization with these in the first entry of the same settings, or in one of their own."""
    entry: Json = {"includeTemplates": options.label_include_templates}
    number = next((number for number, each in enumerate(there) if _same_settings(each, entry)), len(there))
    entry = there[number] if number < len(there) else entry
    force = options.force_common_labels
    pairs = _added(entry.get("pairs") or {}, "commonLabels", texts, force=force, reader=reader)
    return [*there[:number], {**entry, "pairs": pairs}, *there[number + 1 :]]


def _same_settings(entry: Any, other: Json) -> bool:
    settings = ("includeSelectors", "includeTemplates")
    if not isinstance(entry, dict) or not isinstance(entry.get("pairs"), dict | None):
        return False
    return all(bool(entry.get(name)) == bool(other.get(name)) for name in settings)


def _unquoted(text: str) -> str:
    """A text without the double quotes around it, which `kustomize edit add` takes off."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _added(there: Json, field: str, texts: Mapping[str, str], *, force: bool, reader: Reader) -> Json:
    if not force and (twice := sorted(texts.keys() & there.keys())):
        option = f"force{field[0].upper()}{field[1:]}"
        problem = f"{', '.join(twice)} is in the kustomization too"
        raise _blocked(reader, field, problem, f"Remove one of them, or set {option}")
    return {**there, **texts}


def _patch(patch: KustomizePatch) -> Json:
    target = patch.target
    fields: Json = {
        "path": patch.path,
        "patch": patch.patch,
        "options": patch.options,
        "target": {
            "group": target.group,
            "version": target.version,
            "kind": target.kind,
            "name": target.name,
            "namespace": target.namespace,
            "annotationSelector": target.annotation_selector,
            "labelSelector": target.label_selector,
        }
        if target
        else None,
    }
    if fields["target"]:
        fields["target"] = {name: text for name, text in fields["target"].items() if text}
    return {name: value for name, value in fields.items() if value}


def _blocked(reader: Reader, field: str, problem: str, next_step: str) -> Blocked:
    place = f"spec.source.kustomize.{field}" if field else "spec.source.path"
    return Blocked(reader.subject, problem, field=place, next_step=next_step)
