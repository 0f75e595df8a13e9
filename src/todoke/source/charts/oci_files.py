"""OCI artifacts that hold manifests. Source: Argo CD, "OCI"."""

from difflib import get_close_matches

from todoke.model.errors import Blocked
from todoke.model.trees import Tree
from todoke.source.charts import refusals
from todoke.source.charts.oci_charts import CHART, Artifacts
from todoke.source.charts.places import Place, artifact
from todoke.source.charts.registry import DIGEST, TAG, Layer, tag_of, version_of
from todoke.source.charts.tools import Tools

_ALLOWED = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    CHART,
)
_MOST_LAYERS = 10
_DEFAULT = "latest"


class OciFiles:
    """All artifacts of one process; part of `Charts`, which closes it."""

    def __init__(self, tools: Tools, artifacts: Artifacts) -> None:
        self._tools, self._artifacts = tools, artifacts

    async def resolve(self, repo_url: str, wanted: str) -> str:
        """The digest, `sha256:…`, that a targetRevision means: a digest, a tag, a version constraint; "" is `latest`.

        Raises: Blocked: nothing fits. Unreachable: no answer in time.
        """
        place = self._place(repo_url)
        name, wanted = artifact(place), wanted.strip()
        if DIGEST.fullmatch(wanted):
            return wanted
        if ":" in wanted:
            problem = f'"{wanted}" is neither a tag nor a sha256 digest of 64 digits'
            raise Blocked(place.subject, problem, field="spec.source.targetRevision", next_step="Correct it")
        tag = _DEFAULT if wanted in ("", "HEAD") else tag_of(wanted)
        digest = await self._artifacts.named(place, name, tag) if TAG.fullmatch(tag) else ""
        if not digest:
            digest = await self._artifacts.named(place, name, await self._newest(place, name, wanted or tag))
        if not digest:
            raise Blocked(place.subject, "lists a tag that it does not have", next_step="Push it again")
        return f"sha256:{digest}"

    async def tree(self, repo_url: str, digest: str) -> Tree:
        """The files of an artifact. Those of a Helm chart have the chart's folder as root.

        Raises: Blocked: it does not hold one archive of files; that cannot be used. Unreachable: no answer in time.
        """
        place, match = self._place(repo_url), DIGEST.fullmatch(digest)
        if match is None:
            raise Blocked(place.subject, f'"{digest}" is no sha256 digest', next_step="Write a tag or a digest")
        known = self._tools.tree(match[1], match[1][:8])
        if known is not None:
            return known
        return await self._tools.turns.share(f"files {place.identity} {digest}", lambda: self._read(place, match[1]))

    async def refresh(self, repo_url: str) -> bool:
        """Ask again what is there. Returns: whether a tag in use, or the list of tags, changed; True the first time."""
        place = self._place(repo_url)
        return await self._artifacts.changed(place, artifact(place))

    def _place(self, repo_url: str) -> Place:
        place = self._tools.place(repo_url)
        if not place.is_registry:
            raise Blocked(place.subject, "is no OCI repository", next_step="Write oci:// before it, or name a chart")
        return place

    async def _newest(self, place: Place, name: str, wanted: str) -> str:
        """The tag of the newest version that a constraint allows."""
        tags = await self._artifacts.tags(place, name)
        if tags is None:
            raise Blocked(place.subject, "is not there", next_step="Correct repoURL, or push it")
        try:
            found = await self._tools.newest(wanted, [version_of(tag) for tag in tags])
        except Blocked as error:
            near = get_close_matches(wanted, tags, 3, 0.5)
            there = f" (there are: {', '.join(near)})" if near else ""
            raise Blocked(
                place.subject,
                f'has no tag "{wanted}" among {len(tags)}{there}, and that is no version constraint',
                field="spec.source.targetRevision",
                next_step="Push it or correct targetRevision",
            ) from error
        if not found:
            raise refusals.no_version(place, "", wanted, await self._tools.sorted(list(tags)), len(tags))
        return tag_of(found)

    async def _read(self, place: Place, digest: str) -> Tree:
        name = artifact(place)
        layer = await self._layer(place, name, digest)
        data = await self._artifacts.layer(place, name, layer)
        folder = name.rpartition("/")[2] if layer.media_type == CHART else None
        named = f"{place.subject}@sha256:{digest[:8]}…"
        return await self._tools.unpacked(named, digest, data, digest[:8], folder)

    async def _layer(self, place: Place, name: str, digest: str) -> Layer:
        """The one layer that holds files; signatures and provenance lie beside it. Source: Argo CD, util/oci."""
        layers = (await self._artifacts.manifest(place, name, digest)).layers
        holding = [layer for layer in layers if layer.media_type.endswith(("tar", "tar+gzip"))]
        if len(holding) == 1 and len(layers) <= _MOST_LAYERS and holding[0].media_type in _ALLOWED:
            return holding[0]
        if len(holding) == 1 and len(layers) <= _MOST_LAYERS:
            problem = f"its layer is of the type {holding[0].media_type}, which is not read"
            raise Blocked(place.subject, problem, next_step=f"Push it as {_ALLOWED[1]}")
        problem = f"has {len(holding)} layers with files of {len(layers)}, where one is read"
        raise Blocked(place.subject, problem, next_step="Push all files in one layer")
