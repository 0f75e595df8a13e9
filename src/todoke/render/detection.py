"""Which tool renders a source. Source of the rules: Argo CD, "Tool detection"."""

from typing import Final, Literal

from todoke.model.errors import Blocked
from todoke.model.sources import SourceSpec
from todoke.model.trees import Found, Tree

Tool = Literal["Directory", "Helm", "Kustomize", "Plugin"]

CHART: Final = "Chart.yaml"
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def explicit(spec: SourceSpec, subject: str) -> Tool | None:
    """The tool that a source has a block for, None when it has none.

    Raises: Blocked: it names several.
    """
    blocks: dict[str, tuple[bool, Tool]] = {
        "helm": (spec.helm is not None, "Helm"),
        "kustomize": (spec.kustomize is not None, "Kustomize"),
        "directory": (spec.directory, "Directory"),
        "plugin": (spec.plugin is not None, "Plugin"),
    }
    named = {name: tool for name, (there, tool) in blocks.items() if there}
    if len(named) > 1:
        raise Blocked(subject, f"it names {' and '.join(named)}", field="spec.source", next_step="Keep one of them")
    return next(iter(named.values()), None)


def detected(tree: Tree, folder: Found) -> Tool:
    """The tool that the files of a folder are for."""
    names = {name for name, found in tree.entries(folder) if not found.is_folder}
    if CHART in names:
        return "Helm"
    return "Kustomize" if names.intersection(KUSTOMIZATIONS) else "Directory"
