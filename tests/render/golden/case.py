"""Golden cases: what a file of them may say, and how one is rendered by us and put before its judge."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.cases import load
from tests.fake_tree import FakeTree, Link
from tests.render.golden.judges import Judges, Verdict
from todoke.model.application_sources import ApplicationSource
from todoke.model.objects import Manifest
from todoke.model.renderings import Checkout, RenderContext, Stamp
from todoke.model.sources import SourceFile, spec_of
from todoke.render.directory import DirectoryRenderer
from todoke.render.renderer import Renderer, Unrendered

FOLDER = Path(__file__).with_name("cases")
STAMP = Stamp("shop", "shop")
_PROBE = {
    "Chart.yaml": "{apiVersion: v2, name: probe, version: 1.0.0}",
    "templates/probe.yaml": "read: {{ $.Files.Get `text` | fromYaml | toJson | b64enc }}",
}

Files = dict[str, str | None]


class Unequal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field that ours and the judge's may differ in; both must have it."""

    object: str
    field: tuple[str, ...]
    because: str


class Case(msgspec.Struct, forbid_unknown_fields=True, rename={"as_": "as"}):
    """One case. The files of the whole file of cases lie under its own; null takes one of them away.

    Attributes:
        archives: .tgz files, by path, with the files in them.
        links: symbolic links, with their targets.
        refs: other sources' files, by the source's ref. The judge has them in `refs/<name>/`.
        source: the Application's, without repoURL.
        build: options of `kustomize build`.
        release, args: what `helm template` is told beside chart, namespace and `--include-crds`; for Jsonnet, `args`
            are those of its `evaluate_file`.
        as_: files that the judge has in the place of ours, as an Application's options change them.
        only: the Helm version that judges, where the other one cannot; `because` says why.
        text: a document that is read as YAML; the other fields mean nothing then.
        expect: the objects, where there is no judge.
        error: a part of our complaint; the judge must complain as well.
        warning: a part of a warning of ours.
    """

    name: str
    files: Files = {}
    archives: dict[str, dict[str, str]] = {}
    links: dict[str, str] = {}
    refs: dict[str, dict[str, str]] = {}
    source: dict[str, Any] = {}
    context: dict[str, Any] = {}
    build: str = ""
    release: str = "shop"
    args: list[str] | dict[str, Any] = []
    as_: Files = {}
    only: int = 0
    because: str = ""
    unequal: list[Unequal] = []
    text: str | None = None
    expect: list[dict[str, Any]] | None = None
    error: str = ""
    warning: str = ""

    @property
    def path(self) -> str:
        """The folder of the source."""
        return self.source.get("path", ".")

    def tree(self) -> dict[str, bytes | str]:
        """All files of the source's repository by path, as a `FakeTree` takes them."""
        written = {path: text for path, text in self.files.items() if text is not None}
        packed = {path: _packed(files) for path, files in self.archives.items()}
        return {**written, **packed, **{path: Link(target) for path, target in self.links.items()}}

    def for_judge(self) -> dict[str, bytes | str]:
        """All files as the judge has them."""
        replaced = {**self.tree(), **self.as_}
        files = {path: data for path, data in replaced.items() if data is not None}
        for ref, inner in self.refs.items():
            files.update({f"refs/{ref}/{path}": text for path, text in inner.items()})
        return {path: data if isinstance(data, bytes | Link) else data.encode() for path, data in files.items()}


class _CaseFile(msgspec.Struct, forbid_unknown_fields=True):
    cases: list[Case]
    files: Files = {}
    source: dict[str, Any] = {}


def cases_of(tool: str) -> Iterator[tuple[str, Case]]:
    """The cases of a folder, each with an id."""
    for file in sorted((FOLDER / tool).glob("*.yaml")):
        about = msgspec.convert(load(file.read_text()), _CaseFile)
        for case in about.cases:
            case.files = {**about.files, **case.files}
            case.source = {**about.source, **case.source}
            yield f"{tool}/{file.stem}: {case.name}", case


async def ours(case: Case, renderer: Renderer) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    """Our objects and warnings.

    Raises: Blocked: it cannot be rendered.
    """
    if case.text is not None:
        inner = "\n".join(f"  {line}" for line in case.text.splitlines())
        files = {"probe.yaml": f"apiVersion: v1\nkind: Probe\nmetadata: {{name: probe}}\nvalue:\n{inner}\n"}
        spec = spec_of(ApplicationSource(repo_url="https://git.example.com/shop"))
        checkout = Checkout(spec, FakeTree(files), "revision")
    else:
        repository = {"repoURL": "https://git.example.com/shop"}
        spec = spec_of(msgspec.convert({**repository, **case.source}, ApplicationSource))
        refs = {name: FakeTree(files) for name, files in case.refs.items()}
        checkout = Checkout(spec, FakeTree(case.tree()), "0123456789abcdef0123456789abcdef01234567", refs)
    told = {"application": "shop", "namespace": "shop", "kube_version": "1.33.0", **case.context}
    renderer.use_config({"kustomize.buildOptions": case.build})
    try:
        rendering = await renderer.render(checkout, msgspec.convert(told, RenderContext), STAMP)
    except Unrendered as unrendered:
        raise unrendered.error from unrendered
    return rendering.manifests, rendering.warnings


def judged(case: Case, tool: str, judges: Judges, helm: int = 0) -> tuple[Manifest, ...] | str:
    """The judge's objects, or its complaint."""
    verdict = _verdict(case, tool, judges, helm)
    if verdict.error:
        return verdict.error
    suffix = {"jsonnet": ".jsonnet", "yaml": ".json"}.get(tool, ".yaml")
    return DirectoryRenderer().render([SourceFile(f"verdict{suffix}", verdict.output.encode())], STAMP).manifests


def _verdict(case: Case, tool: str, judges: Judges, helm: int) -> Verdict:
    if tool == "yaml":
        return _read_as_yaml(case.text or "", judges, helm)
    if tool == "kustomize":
        return judges.kustomize(case.for_judge(), case.path, case.build.split())
    if tool == "jsonnet":
        assert isinstance(case.args, dict)
        return judges.jsonnet(case.for_judge(), {"jpathdir": [case.path], **case.args})
    version = case.context.get("kube_version", "1.33.0")
    always = [case.release, "--namespace", "shop", "--include-crds", "--kube-version", version]
    return judges.helm(helm, case.for_judge(), case.path, [*always, *case.args])


def _read_as_yaml(text: str, judges: Judges, helm: int) -> Verdict:
    """The document as a value of the object that our own rendering puts it into."""
    files = {path: data.encode() for path, data in {**_PROBE, "text": text}.items()}
    verdict = judges.helm(helm, files, ".", ["shop"])
    if verdict.error:
        return verdict
    value = json.loads(base64.b64decode(verdict.output.rpartition("read: ")[2]))
    if "Error" in value:
        return Verdict("", value["Error"])
    probe = {"apiVersion": "v1", "kind": "Probe", "metadata": {"name": "probe"}, "value": value}
    return Verdict(json.dumps(probe), "")


def compared(manifests: tuple[Manifest, ...], case: Case) -> list[str]:
    """The objects as texts that are equal for equal objects, without the fields that may differ, in canonical order."""
    shown = []
    for manifest in sorted(manifests, key=lambda each: each.key):
        body = manifest.body
        for unequal in case.unequal:
            if unequal.object == str(manifest.key):
                _drop(body, unequal.field)
        shown.append(msgspec.json.format(msgspec.json.encode(body, order="deterministic")).decode())
    return shown


def expected(case: Case) -> list[str]:
    """What `compared` shall give for a case without a judge."""
    return [
        msgspec.json.format(msgspec.json.encode(body, order="deterministic")).decode()
        for body in sorted(case.expect or [], key=_identity)
    ]


def _identity(body: Mapping[str, Any]) -> tuple[str, str, str, str]:
    metadata = body["metadata"]
    return body["apiVersion"].rpartition("/")[0], body["kind"], metadata.get("namespace", ""), metadata["name"]


def _drop(body: dict[str, Any], field: tuple[str, ...]) -> None:
    *above, last = field
    for name in above:
        body = body[name]
    del body[last]


def _packed(files: Mapping[str, str]) -> bytes:
    """A .tgz, the same bytes each time."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(tar.getvalue(), mtime=0)
