"""What rendering is given beside the files, and what it answers."""

from collections.abc import Callable, Mapping

import msgspec

from todoke.model.objects import Manifest
from todoke.model.sources import SourceSpec
from todoke.model.trees import Look, Tree


class Stamp(msgspec.Struct, frozen=True):
    """How the objects of one application are marked as its own, and where they go by default."""

    instance: str  # the application's instance name in tracking ids
    namespace: str  # the destination's namespace
    installation: str = ""  # value of the installation id annotation, "" = none
    label_key: str = ""  # a label that also bears the instance name, "" = none


class RenderContext(msgspec.Struct, frozen=True):
    """What a rendering may know of the application that it is for, and of its cluster."""

    application: str
    namespace: str  # the destination's
    project: str = "default"
    kube_version: str = ""  # of the cluster, as `1.37.2`; "" = what the engine takes by default
    api_versions: tuple[str, ...] = ()


class Checkout(msgspec.Struct, frozen=True):
    """One source at one revision.

    Attributes:
        refs: trees of the sources that value files may point into, by name.
        permitted: whether a repository, by its URL, may be read for it; every one may without it.
        offline: nothing is fetched for it.
    """

    spec: SourceSpec
    tree: Tree
    revision: str
    refs: Mapping[str, Tree] = {}
    permitted: Callable[[str], bool] | None = None
    offline: bool = False


class Rendering(msgspec.Struct, frozen=True):
    """The desired objects of one source, cleaned, their namespaces as written; order is that of the files."""

    manifests: tuple[Manifest, ...]
    warnings: tuple[str, ...] = ()
    looks: tuple[Look, ...] = ()  # with the same answers to all of them it comes out the same
    anchors: tuple[Look, ...] = ()  # a few that stand for all of them, (): none do
    tool: str = ""  # Directory, Helm, Kustomize or Plugin, as `status.sourceType` names it
