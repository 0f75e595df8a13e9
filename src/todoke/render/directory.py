"""Plain manifests: a folder's files as desired objects. Source of the rules: Argo CD, "Directory" applications."""

from collections.abc import Iterable, Iterator
from typing import Any

from todoke.model.errors import Blocked
from todoke.model.objects import Manifest, ObjectKey, encode
from todoke.model.renderings import Rendering, Stamp
from todoke.model.sources import SourceFile
from todoke.render.clean import clean, drop_null_timestamps
from todoke.render.documents import Document, documents

_HOOK_MARKS = ("argocd.argoproj.io/hook", "helm.sh/hook")


class DirectoryRenderer:
    """Renders files that hold manifests as they are."""

    def render(self, files: Iterable[SourceFile], stamp: Stamp) -> Rendering:
        """The objects in the files, cleaned, in the order of the files.

        Args: stamp: where objects go that name no namespace; two of one name are then one object twice.
        Raises: Blocked: a document does not parse or lacks a required field, or two have one identity; names the
            file and the document.
        """
        warnings: list[str] = []
        found: dict[ObjectKey, Manifest] = {}
        for file in files:
            for document in documents(file, warnings):
                for body, origin in _objects(document, warnings):
                    manifest = _manifest(body, document, origin, warnings)
                    _remember(found, manifest, stamp)
        return Rendering(tuple(found.values()), tuple(warnings))


def _remember(found: dict[ObjectKey, Manifest], manifest: Manifest, stamp: Stamp) -> None:
    key = manifest.key
    identity = key if key.namespace else ObjectKey(key.group, key.kind, stamp.namespace, key.name)
    first = found.setdefault(identity, manifest)
    if first is not manifest:
        raise Blocked(
            f"{manifest.origin}",
            f"{identity} is already defined in {first.origin}",
            next_step="Remove or rename one of them",
        )


def _objects(document: Document, warnings: list[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """The object of a document, or the objects of a List, with where a person finds them."""
    body = document.value
    if not isinstance(body, dict) or not body.get("kind"):
        if document.looks_like_object:
            raise Blocked(document.origin, "is missing", field="kind", next_step="Add it")
        warnings.append(f"{document.origin} is ignored: it is not a Kubernetes object")
        return
    yield from _flattened(body, document.origin)


def _flattened(body: dict[str, Any], origin: str) -> Iterator[tuple[dict[str, Any], str]]:
    kind = body.get("kind")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(body.get("items", ""), list | None)):
        yield body, origin
        return
    for number, item in enumerate(body["items"] or (), 1):
        where = f"{origin}, item {number}"
        if not isinstance(item, dict):
            raise Blocked(where, "is not an object")
        if kind != "List":  # items of a typed list need not repeat their kind
            item = {"apiVersion": body.get("apiVersion"), "kind": kind.removesuffix("List"), **item}
        yield from _flattened(item, where)


def _manifest(body: dict[str, Any], document: Document, origin: str, warnings: list[str]) -> Manifest:
    api_version, kind = _text(body, "apiVersion", origin), _text(body, "kind", origin)
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        raise Blocked(
            origin, "is missing" if metadata is None else "is not a map", field="metadata", next_step="Add it"
        )
    hook = any(name in (metadata.get("annotations") or {}) for name in _HOOK_MARKS)
    if not metadata.get("name") and metadata.get("generateName") and hook:
        metadata["name"] = metadata["generateName"]  # the sync that runs it completes the name
    if not metadata.get("name") and metadata.get("generateName"):
        raise Blocked(
            origin, "is supported for hooks only", field="metadata.generateName", next_step="Write metadata.name"
        )
    name = _text(metadata, "name", origin, "metadata.")
    namespace = _text(metadata, "namespace", origin, "metadata.") if metadata.get("namespace") else ""
    for field in ("labels", "annotations"):
        _check_texts(metadata, field, origin)
    if b"creationTimestamp" in document.text:
        drop_null_timestamps(body)
    clean(body, origin, warnings)
    group, _, version = api_version.rpartition("/")
    return Manifest(ObjectKey(group, kind, namespace, name), version, encode(body), origin)


def _text(parent: dict[str, Any], field: str, origin: str, prefix: str = "") -> str:
    value = parent.get(field)
    if value is None or value == "":
        raise Blocked(origin, "is missing", field=prefix + field, next_step="Add it")
    if not isinstance(value, str):
        raise Blocked(origin, "is not a text", field=prefix + field, next_step="Write it in quotes")
    return value


def _check_texts(metadata: dict[str, Any], field: str, origin: str) -> None:
    values = metadata.get(field)
    if values is None:
        return
    if not isinstance(values, dict):
        raise Blocked(origin, "is not a map", field=f"metadata.{field}")
    for name, value in values.items():
        if not isinstance(value, str):
            problem = "is not a text" if value is not None else "is null"
            raise Blocked(origin, problem, field=f"metadata.{field}.{name}", next_step="Write it in quotes")
