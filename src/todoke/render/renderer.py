"""Any source to manifests: finds the tool, has it run, and reads what it printed as Kubernetes would."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.model.application_sources import ApplicationSource
from todoke.model.errors import Blocked
from todoke.model.merge import merged
from todoke.model.objects import Manifest
from todoke.model.remotes import Elsewhere
from todoke.model.renderings import Checkout, RenderContext, Rendering, Stamp
from todoke.model.sources import SourceFile, SourceSpec, shown_url, spec_of
from todoke.model.trees import Look, Tree, answer_of
from todoke.render import build_options, detection, helm, jsonnet, kustomize
from todoke.render.anchors import anchors
from todoke.render.build_options import Options
from todoke.render.directory import DirectoryRenderer
from todoke.render.elsewhere import Build, Engines, NotHad, built, fetch_values
from todoke.render.kubernetes_yaml import NotYaml, load
from todoke.render.listing import Lister, Listing, folder_of, read_files
from todoke.render.placement import place
from todoke.render.plugins import Plugins
from todoke.render.reader import Reader, variables
from todoke.render.watched import Watched
from todoke.render.worker import EngineFailed, Output

OVERRIDES = ".argocd-source.yaml"
"""A file whose fields are merged over the source. Source: Argo CD, "Source overrides"."""
_NO_OPTIONS = Options()
_NOT_OVERRIDDEN = ("repoURL", "path", "targetRevision", "chart")


class Unrendered(Exception):
    """What a source says cannot be rendered. Attributes: error: what to tell. looks: what was looked at until then."""

    def __init__(self, error: Blocked, looks: tuple[Look, ...]) -> None:
        super().__init__(str(error))
        self.error, self.looks = error, looks


class Renderer:
    """Renders directories, Kustomize, Helm, Jsonnet, and what plugins are there for."""

    def __init__(
        self,
        engines: Engines,
        elsewhere: Elsewhere | None = None,
        plugins: Plugins | None = None,
        options: Options = _NO_OPTIONS,
    ) -> None:
        """Args: elsewhere: fetches what a source names elsewhere; without it such sources are refused."""
        self._engines, self._elsewhere, self._plugins = engines, elsewhere, plugins or Plugins()
        self._own_options = self._options = options
        self._lister = Lister()
        self._directory = DirectoryRenderer()

    async def render(self, checkout: Checkout, context: RenderContext, stamp: Stamp) -> Rendering:
        """The desired objects of a source, cleaned, and all that was looked at for them.

        Raises: Unrendered: it cannot be; the error names the file or the field, and says why. Blocked: what it depends
            on elsewhere cannot be had.
        """
        if checkout.spec.only_referenced:
            return Rendering((), tool="Directory")
        reader = Reader(checkout, context, subject_of(checkout.spec))
        try:
            return await self._render(reader, context, stamp)
        except NotHad as elsewhere:
            raise elsewhere.error from elsewhere.error.__cause__
        except Blocked as error:
            if not reader.looks:  # there is no such folder; what there is instead, the error says
                reader.note("", "tree")
            raise Unrendered(error, tuple(reader.looks)) from error

    async def _render(self, reader: Reader, context: RenderContext, stamp: Stamp) -> Rendering:
        checkout = reader.checkout
        spec = _overridden(reader, context)
        if spec != checkout.spec:
            reader.checkout, reader.overridden = msgspec.structs.replace(checkout, spec=spec), True
        tool, outputs = await self._made(reader, context)
        rendering = self._directory.render(outputs, stamp)
        looks = tuple(reader.looks)
        fixed = () if reader.followed_links else anchors(reader.checkout, looks)
        return msgspec.structs.replace(rendering, looks=looks, anchors=fixed, tool=tool)

    def use_config(self, config: Mapping[str, str]) -> None:
        """Take options from the ConfigMap argocd-cm, its texts by key; they win over those that we were made with."""
        self._options = self._own_options.with_config(config)

    def place(self, manifest: Manifest, namespaced: bool | None, stamp: Stamp) -> Manifest:
        """The manifest as it is sent. See todoke.render.placement."""
        return place(manifest, namespaced, stamp)

    async def key(self, checkout: Checkout, context: RenderContext, looks: Iterable[Look]) -> str:
        """A digest of what a rendering depends on: its looks, answered anew by this checkout. Equal means unchanged."""
        known = variables(checkout, context)
        about = [checkout.spec, context.application, context.namespace, context.project]
        about += [self._plugins.digest] if self._plugins.digest else []  # another one may say that a folder is its own
        digest = hashlib.blake2b(msgspec.json.encode(about), digest_size=16)
        for look in looks:
            engine = look.intent == "engine"
            answer = await self._engines.identity() if engine else self._answer(look, checkout, known)
            digest.update(f"{look.ref}\0{look.path}\0{look.intent}\0{answer}\n".encode())
        return digest.hexdigest()

    def _answer(self, look: Look, checkout: Checkout, known: Mapping[str, str]) -> str:
        if look.intent == "variable":
            return known.get(look.path, "")
        if look.intent == "options":
            return self._options.of(look.path)
        tree = checkout.refs.get(look.ref) if look.ref else checkout.tree
        if tree is None:
            return ""
        if look.intent == "listing":
            return self._listed(tree, checkout.spec)
        return answer_of(tree, look.path, look.intent)

    def _listed(self, tree: Tree, spec: SourceSpec) -> str:
        try:
            return self._lister.listing(tree, spec, "").digest
        except Blocked:
            return ""

    def _detected(self, reader: Reader) -> detection.Tool:
        spec = reader.checkout.spec
        if spec.chart:
            return "Helm"
        folder = folder_of(reader.checkout.tree, spec, reader.subject)
        reader.note("" if spec.path == "." else spec.path, "list")
        return detection.detected(reader.checkout.tree, folder)

    async def _made(self, reader: Reader, context: RenderContext) -> tuple[detection.Tool, tuple[SourceFile, ...]]:
        """The tool, and what it made. Plugins are asked before the folder's files tell, as in Argo CD."""
        spec = reader.checkout.spec
        tool = detection.explicit(spec, reader.subject)
        plugin = await self._plugins.chosen(reader, context) if tool in (None, "Plugin") else None
        if plugin is not None:
            tool, data = "Plugin", await self._plugins.output(plugin, reader, context)
        else:
            tool = tool or self._detected(reader)
            if tool == "Directory":
                return tool, await self._files(reader)
            request = await self._request(tool, reader, context)
            data = (await self._run(request, reader)).data
        return tool, (SourceFile(f"{tool} output of {spec.path}", data),)

    async def _request(self, tool: detection.Tool, reader: Reader, context: RenderContext) -> Mapping[str, Any]:
        if tool == "Kustomize":
            return kustomize.request(reader, build_options.parse(self._noted("kustomize", reader)))
        if helm.value_urls(reader):
            schemes = self._noted("helm", reader).split(",")
            await fetch_values(reader, self._elsewhere, helm.value_urls(reader, schemes))
        return helm.request(reader, context)

    def _noted(self, tool: str, reader: Reader) -> str:
        """The installation's options of a tool, which are an input of the rendering."""
        text = self._options.of(tool)
        reader.looks[Look(tool, "options", text)] = None
        return text

    async def _files(self, reader: Reader) -> tuple[SourceFile, ...]:
        """The files of a directory; those in Jsonnet as what they evaluate to."""
        tree, spec = reader.checkout.tree, reader.checkout.spec
        listing = self._lister.listing(tree, spec, reader.subject)
        reader.looks[self._whole(reader, listing)] = None
        reader.followed_links |= listing.followed_links
        made = []
        for file in read_files(tree, listing, reader.subject):
            if file.path.endswith(".jsonnet"):
                path = file.path if spec.path == "." else f"{spec.path}/{file.path}"
                output = await self._run(jsonnet.request(reader, path), reader)
                file = SourceFile(file.path, output.data)
            made.append(file)
        return tuple(made)

    def _whole(self, reader: Reader, listing: Listing) -> Look:
        """One look that stands for all files of a listing: `key` lists by what the Application says alone."""
        if not reader.overridden:
            return Look(reader.checkout.spec.path, "listing", listing.digest)
        path = "" if reader.checkout.spec.path == "." else reader.checkout.spec.path
        return Look(path, "tree", answer_of(reader.checkout.tree, path, "tree"))

    async def _run(self, request: Mapping[str, Any], reader: Reader) -> Output:
        try:
            if request["engine"] == "kustomize":
                output = await built(self._engines, Build(reader, request, self._elsewhere))
            else:
                output = await self._engines.run(request, reader.checkout.tree)
        except EngineFailed as error:
            reader.looks.update(dict.fromkeys(error.looks))
            if not error.missing or self._elsewhere is None or reader.checkout.offline:
                raise _refused(request, error, reader) from error
            output = await self._completed(request, reader, self._elsewhere)
        reader.looks.update(dict.fromkeys(output.looks))
        reader.looks[Look("", "engine", await self._engines.identity())] = None
        return output

    async def _completed(self, request: Mapping[str, Any], reader: Reader, elsewhere: Elsewhere) -> Output:
        """The same once more, with the chart's dependencies. What they are is decided by files that are looked at."""
        watched = Watched(reader.checkout.tree)
        try:
            tree = await elsewhere.completed(watched, request["path"], reader.checkout.permitted)
        except Blocked as error:
            raise NotHad(error) from error
        for folder in watched.folders:
            reader.note(folder, "tree")
        try:
            output = await self._engines.run(request, tree)
        except EngineFailed as error:
            raise _refused(request, error, reader) from error
        return Output(output.data, ())  # its looks were answered by the completed tree, ours by the commit's


def _refused(request: Mapping[str, Any], error: EngineFailed, reader: Reader) -> Blocked:
    where = f"{reader.subject}, {request['path'] or '.'}"
    if error.missing:
        names = ", ".join(f"{each.get('name')} {each.get('version', '')}".strip() for each in error.missing)
        problem = f"its chart depends on {names}, which is not in charts/"
        return Blocked(where, problem, next_step="Run `helm dependency build` and commit charts/")
    engine, text = request["engine"], error.text.strip()
    said = helm.explained(text, reader) if engine == "helm" else shown_url(text)  # Kustomize quotes what it reads
    return Blocked(where, f"{engine} says: {said}")


def subject_of(spec: SourceSpec) -> str:
    """What errors call a source."""
    return f"Repository {shown_url(spec.repo_url)}" if spec.repo_url else "the source"


def _overridden(reader: Reader, context: RenderContext) -> SourceSpec:
    """The source with what the override files in its folder say merged over it, that of the application last.

    Raises: Blocked: one of them is not YAML, or says what no source has; there is no such folder.
    """
    spec = reader.checkout.spec
    if spec.chart:
        return spec
    folder_of(reader.checkout.tree, spec, reader.subject)  # if it is not there, that is what to say
    for name in (OVERRIDES, f".argocd-source-{context.application}.yaml"):
        path = name if spec.path == "." else f"{spec.path}/{name}"
        data = reader.file(path)
        if data is not None:
            spec = _merged(spec, path, data)
    return spec


def _merged(spec: SourceSpec, path: str, data: bytes) -> SourceSpec:
    try:
        patch = load(data)
    except NotYaml as error:
        raise Blocked(f"{path}, line {error.line}", error.problem, next_step="Correct the YAML") from error
    if patch is None:
        return spec
    if not isinstance(patch, dict):
        raise Blocked(path, "is not a map")
    patch = {name: value for name, value in patch.items() if name not in _NOT_OVERRIDDEN}
    try:
        source = msgspec.convert(merged(_written(spec), patch), ApplicationSource)
    except msgspec.ValidationError as error:
        raise Blocked(path, f"does not fit a source: {error}", next_step="Correct the field") from error
    again = spec_of(source)
    return msgspec.structs.replace(
        again,
        only_referenced=spec.only_referenced,
        repo_url=spec.repo_url,
        path=spec.path,
        revision=spec.revision,
        name=spec.name,
        ref=spec.ref,
    )


def _written(spec: SourceSpec) -> dict[str, Any]:
    """A source as its Application writes it, where override files may say something else."""
    directory = {
        "recurse": spec.recurse,
        "include": spec.include,
        "exclude": spec.exclude,
        "disableExtensionFilter": spec.any_extension,
        "jsonnet": spec.jsonnet,
    }
    blocks = {"helm": spec.helm, "kustomize": spec.kustomize, "plugin": spec.plugin}
    if spec.directory:
        blocks["directory"] = directory  # type: ignore[assignment]
    written: dict[str, Any] = msgspec.to_builtins({name: block for name, block in blocks.items() if block is not None})
    return {"repoURL": spec.repo_url, **written}
