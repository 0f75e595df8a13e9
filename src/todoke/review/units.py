"""What is rendered on one side of a review: units with their sources, or why one of them is not rendered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from todoke.model.application_sources import ApplicationSource, SourceKustomize
from todoke.model.applications import Application, sources_of
from todoke.model.errors import DeliveryError
from todoke.model.renderings import Checkout, RenderContext, Stamp
from todoke.model.reviews import UnitKey
from todoke.model.sources import SourceSpec, place_of, shown_url, spec_of
from todoke.model.trees import Tree
from todoke.review.find import Definition
from todoke.review.ports import Published

_FOLLOWING = ("", "HEAD")


class Unit(msgspec.Struct, frozen=True):
    """One thing to render. Attributes: problem: why it is not rendered, "" when it is. body: of an Application."""

    key: UnitKey
    origin: str
    checkouts: tuple[Checkout, ...] = ()
    context: RenderContext = RenderContext("", "")
    problem: str = ""
    body: Mapping[str, Any] = {}

    @property
    def stamp(self) -> Stamp:
        """Marks of its objects: none that a comparison of two sides would need."""
        return Stamp(self.context.application, self.context.namespace)


class Side(msgspec.Struct, frozen=True):
    """One side of a review.

    Attributes:
        tree: all files. sha: what it is a tree of. places: of this repository's URLs, see `place_of`.
        branches: what an Application that follows this side may name in targetRevision.
        elsewhere: the tree of another revision of this repository and its SHA, None when there is none.
    """

    tree: Tree
    sha: str
    places: frozenset[str]
    branches: frozenset[str]
    elsewhere: Callable[[str], tuple[Tree, str] | None]
    published: Published | None = None  # charts of repositories elsewhere; None: they are left out
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()

    def is_ours(self, repo_url: str) -> bool:
        """Whether a URL is one of this repository."""
        return place_of(repo_url) in self.places

    def at(self, revision: str) -> tuple[Tree, str]:
        """The files that a targetRevision of this repository means on this side.

        A tag, commit or other branch that the clone knows is taken as it is; what it does not know follows the side.
        """
        name = revision.removeprefix("refs/heads/")
        if name in _FOLLOWING or name in self.branches:
            return self.tree, self.sha
        return self.elsewhere(name) or (self.tree, self.sha)


async def application_unit(definition: Definition, side: Side) -> Unit:
    """An Application as a unit; charts that it names elsewhere are fetched, if the side may."""
    metadata = definition.body["metadata"]
    key = UnitKey("Application", str(metadata.get("namespace") or ""), str(metadata["name"]))
    try:
        application = msgspec.convert(definition.body, Application)
    except msgspec.ValidationError as error:
        return Unit(key, definition.origin, problem=f"it does not fit an Application: {error}", body=definition.body)
    destination = application.spec.destination
    context = RenderContext(
        key.name, destination.namespace, application.spec.project or "default", side.kube_version, side.api_versions
    )
    sources = sources_of(application.spec)
    problem = _problem(sources, side)
    checkouts: tuple[Checkout, ...] = ()
    if not problem:
        try:
            checkouts = await _checkouts(sources, side)
        except DeliveryError as error:
            problem = str(error)
    return Unit(key, definition.origin, checkouts, context, problem, definition.body)


def _problem(sources: Sequence[ApplicationSource], side: Side) -> str:
    if not sources:
        return "it has no source"
    for source in sources:
        spec = spec_of(source)
        published = bool(source.chart) or spec.origin.is_registry
        if published and side.published is not None:
            continue
        if published or not side.is_ours(source.repo_url):
            what = f"the chart {source.chart} of " if source.chart else ""
            return f"its source is {what}{shown_url(source.repo_url)}, which is not in this repository"
    return ""


async def _checkouts(sources: Sequence[ApplicationSource], side: Side) -> tuple[Checkout, ...]:
    found = [(spec, *await _files(spec, side)) for spec in map(spec_of, sources)]
    refs = {spec.ref: tree for spec, tree, _ in found if spec.ref}
    offline = side.published is None
    return tuple([Checkout(spec, tree, sha, refs, offline=offline) for spec, tree, sha in found])


async def _files(spec: SourceSpec, side: Side) -> tuple[Tree, str]:
    """A source's files, and which revision they are."""
    if side.published is None or not (spec.chart or spec.origin.is_registry):
        return side.at("" if spec.revision == "HEAD" else spec.revision)
    version = await side.published.latest(spec, spec.revision)
    return await side.published.tree(spec, version), version


def kustomization_unit(folder: str, side: Side) -> Unit:
    """A kustomization that no Application names."""
    spec = SourceSpec("", path=folder or ".", kustomize=SourceKustomize())
    context = RenderContext(folder.rpartition("/")[2] or "root", "", "default", side.kube_version, side.api_versions)
    checkout = Checkout(spec, side.tree, side.sha, offline=side.published is None)
    return Unit(UnitKey("Kustomization", "", folder or "."), folder or ".", (checkout,), context)


def folders_of(unit: Unit, side: Side) -> Iterator[str]:
    """The folders of this repository that a unit renders."""
    for checkout in unit.checkouts:
        if checkout.tree is side.tree:
            yield "" if checkout.spec.path == "." else checkout.spec.path
