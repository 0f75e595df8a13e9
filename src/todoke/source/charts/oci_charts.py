"""Charts in OCI registries: a repository for each chart, a tag for each version. Source: Helm, "Use OCI registries"."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from todoke.model.errors import Blocked, Unreachable
from todoke.source.charts import refusals
from todoke.source.charts.places import Place, artifact
from todoke.source.charts.registry import TAG, Layer, Manifest, Registry, decode_manifest, tag_of, version_of
from todoke.source.charts.tools import Tools

CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_ALL = ""  # stands for the list of all tags
_OLD_CHART = "application/tar+gzip"  # of Helm's first experiments


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...]
    at: float


class Artifacts:
    """Tags and manifests of all registries, as last heard."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.registry = Registry(tools.client, tools.clock)
        self._tags: dict[str, _Tags] = {}
        self._named: dict[str, dict[str, str]] = {}  # by artifact: the manifest's digest by tag
        self._reported: dict[str, dict[str, str]] = {}  # by artifact: what those who ask for changes have heard of

    async def tags(self, place: Place, name: str) -> tuple[str, ...] | None:
        """All tags, asked for again when that is too long ago; None when there is no such artifact."""
        known = self._tags.get(_key(place, name))
        if known is not None and self._tools.clock() - known.at < self._tools.limits.fresh_seconds:
            return known.tags
        try:
            return await self._tags_again(place, name)
        except Unreachable:
            if known is None:
                raise
            return known.tags

    async def named(self, place: Place, name: str, tag: str) -> str:
        """The digest of the manifest that a tag names, as last heard; "" when it is not there."""
        key = _key(place, name)
        known = self._named.get(key, {}).get(tag, "")
        return known or await self._tools.turns.share(f"manifest {key} {tag}", lambda: self._ask(place, name, tag))

    async def manifest(self, place: Place, name: str, digest: str) -> Manifest:
        """A manifest by its digest, from the disk when it is there. Raises: Blocked: it is not one artifact."""
        body = await self._tools.kept(digest)
        if body is None:
            reference = f"sha256:{digest}"
            found = await self.registry.manifest(place, name, reference)
            if found is None:
                step = "Push it again, or correct targetRevision"
                raise Blocked(place.subject, f"has no {name}@{reference[:19]}… any more", next_step=step)
            body = found[1]
            await self._tools.keep(body)
        return decode_manifest(place, name, body)

    def heard(self, place: Place, name: str, tag: str) -> str:
        """As `named`, without asking."""
        return self._named.get(_key(place, name), {}).get(tag, "")

    async def changed(self, place: Place, name: str) -> bool:
        """Ask again for all tags, and for what those in use name now, as far as either was asked for before.

        Returns: whether something is not what was heard or reported before; True the first time.
        """
        key = _key(place, name)
        first = key not in self._reported
        now = {}
        if key in self._tags:
            now[_ALL] = _listed(await self._tags_again(place, name))
        for tag in list(self._named.get(key, {})):
            ask = partial(self.registry.digest, place, name, tag)
            now[tag] = await self._tools.turns.share(f"digest {key} {tag}", ask)
            self._named[key][tag] = now[tag]
        before = self._reported.setdefault(key, {})
        differs = any(before.get(item) != value for item, value in now.items())
        before.update(now)
        return first or differs

    async def layer(self, place: Place, name: str, layer: Layer) -> bytes:
        """A file of an artifact, from the disk when it is there."""
        data = await self._tools.kept(layer.digest.removeprefix("sha256:"))
        if data is None:
            data = await self.registry.blob(place, name, layer, self._tools.limits.archive_bytes)
            await self._tools.keep(data)
        return data

    async def _tags_again(self, place: Place, name: str) -> tuple[str, ...] | None:
        key = _key(place, name)
        found = await self._tools.turns.share(f"tags {key}", lambda: self.registry.tags(place, name))
        if found is None:
            self._tags.pop(key, None)
            return None
        self._tags[key] = _Tags(tuple(found), self._tools.clock())
        self._reported.get(key, {}).setdefault(_ALL, _listed(found))
        return self._tags[key].tags

    async def _ask(self, place: Place, name: str, tag: str) -> str:
        found = await self.registry.manifest(place, name, tag)
        if found is None:
            return ""
        digest, body = found
        await self._tools.keep(body)
        key = _key(place, name)
        self._named.setdefault(key, {})[tag] = digest
        self._reported.get(key, {}).setdefault(tag, digest)
        return digest


class OciCharts:
    """Charts of all registries."""

    def __init__(self, tools: Tools, artifacts: Artifacts) -> None:
        self._tools, self._artifacts = tools, artifacts

    async def versions(self, place: Place, chart: str) -> Sequence[str]:
        """All tags that may be versions. Raises: Blocked: there is no such chart."""
        tags = await self._artifacts.tags(place, artifact(place, chart))
        if tags is None:
            raise refusals.no_chart(place, chart)
        return [version_of(tag) for tag in tags]

    async def changed(self, place: Place, chart: str) -> bool:
        """Ask again. Returns: whether something about the chart changed; True the first time."""
        return await self._artifacts.changed(place, artifact(place, chart))

    async def exact(self, place: Place, chart: str, version: str) -> bool:
        """Whether a version is there, without listing all."""
        tag = tag_of(version)
        return bool(TAG.fullmatch(tag) and await self._artifacts.named(place, artifact(place, chart), tag))

    async def promised(self, place: Place, chart: str, version: str) -> str:
        """The digest of an archive as last heard; "" when nothing was heard of that version."""
        name = artifact(place, chart)
        digest = self._artifacts.heard(place, name, tag_of(version))
        if not digest:
            return ""
        return (await self._layer(place, name, tag_of(version), digest)).digest.removeprefix("sha256:")

    async def learn(self, place: Place, chart: str, version: str) -> None:
        """Ask for what `promised` needs, when that is not known."""
        await self.exact(place, chart, version)

    async def download(self, place: Place, chart: str, version: str, *, everywhere: bool = False) -> bytes:
        """An archive. Args: everywhere: changes nothing: a registry's login is for that registry.

        Raises: Blocked: no such version; no chart; not what its digest says.
        """
        name, tag = artifact(place, chart), tag_of(version)
        digest = await self._artifacts.named(place, name, tag) if TAG.fullmatch(tag) else ""
        if not digest:
            versions = await self.versions(place, chart)
            raise refusals.no_version(place, chart, version, await self._tools.sorted(versions), len(versions))
        return await self._artifacts.layer(place, name, await self._layer(place, name, tag, digest))

    async def _layer(self, place: Place, name: str, tag: str, digest: str) -> Layer:
        """The archive in a chart's manifest. Raises: Blocked: it is no chart."""
        manifest = await self._artifacts.manifest(place, name, digest)
        layers = [layer for layer in manifest.layers if layer.media_type in (CHART, _OLD_CHART)]
        if len(layers) == 1:
            return layers[0]
        kinds = ", ".join(sorted({layer.media_type for layer in manifest.layers})) or "nothing"
        problem = f"{name}:{tag} is no Helm chart: it holds {kinds}"
        raise Blocked(place.subject, problem, next_step="Push it with helm push")


def _listed(tags: Iterable[str] | None) -> str:
    return hashlib.sha256("\n".join(sorted(tags or ())).encode()).hexdigest()


def _key(place: Place, name: str) -> str:
    return f"{place.identity} {name}"
