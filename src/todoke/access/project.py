"""What an AppProject permits its applications. Source: Argo CD, app_project_types.go; reference: "Projects"."""

import re
from collections.abc import Callable, Iterable

from todoke.access.repository_urls import comparable_url
from todoke.model.applications import Application, ApplicationDestination, sources_of
from todoke.model.globs import BadGlob, glob_match, path_match
from todoke.model.projects import AppProject, AppProjectSpec, ClusterResourceRestriction, GroupKind, ProjectDestination
from todoke.model.sources import shown_url

DEFAULT = "default"
"""The project of applications that name none. While no object of that name exists it permits everything."""


def check(
    application: Application,
    project: AppProject | None,
    project_name: str,
    *,
    control_namespace: str,
    destination: ApplicationDestination | None = None,
) -> tuple[str, ...]:
    """Why the application may not be delivered, a sentence for each reason; empty when it may.

    Args:
        project: the AppProject of that name in the control namespace, None when there is none.
        destination: where it really goes, with both URL and name of the cluster, as entries may speak of either;
            the spec's own when not given.
    """
    name = project_name or DEFAULT
    if project is None:
        return () if name == DEFAULT else (_NOT_FOUND.format(name=name),)
    spec = application.spec
    target = destination or spec.destination
    namespace = application.metadata.namespace
    reasons = []
    if not namespace_permitted(project, namespace, control_namespace):
        reasons.append(_NAMESPACE.format(name=name, namespace=namespace))
    for number, source in enumerate(sources_of(spec)):
        where = f"spec.sources[{number}]" if spec.sources else "spec.source"
        if not source_permitted(project, source.repo_url):
            reasons.append(_SOURCE.format(where=where, name=name, url=shown_url(source.repo_url)))
    if not destination_permitted(project, target):
        cluster = target.server or target.name
        reasons.append(_DESTINATION.format(name=name, cluster=cluster, namespace=target.namespace))
    return tuple(reasons)


_NOT_FOUND = "spec.project: there is no project {name}. Create the AppProject or name another"
_NAMESPACE = (
    "metadata.namespace: the project {name} takes no applications from the namespace {namespace}. "
    "Add it to spec.sourceNamespaces of the AppProject"
)
_SOURCE = (
    "{where}.repoURL: the project {name} does not permit the repository {url}. "
    "Add it to spec.sourceRepos of the AppProject"
)
_DESTINATION = (
    'spec.destination: the project {name} does not permit the cluster {cluster} with the namespace "{namespace}". '
    "Add the pair to spec.destinations of the AppProject"
)


def source_permitted(project: AppProject, repo_url: str) -> bool:
    """Whether manifests may come from the repository: something allows it, and no `!` entry names it."""
    url = comparable_url(repo_url)
    allowed = False
    for entry in project.spec.source_repos or ():
        pattern = comparable_url(entry.removeprefix("!"))
        if entry.startswith("!"):
            if _hits(pattern, url, "/", when_broken=True):
                return False
            allowed = True  # as in Argo CD, not being denied is being allowed
        elif pattern == "*" or _hits(pattern, url, "/"):
            allowed = True
    return allowed


def destination_permitted(project: AppProject, destination: ApplicationDestination) -> bool:
    """Whether objects may go to the cluster and namespace: something allows the pair, and no `!` entry denies it."""
    answers = [_destination_answer(entry, destination) for entry in project.spec.destinations or ()]
    return True in answers and False not in answers


def _destination_answer(entry: ProjectDestination, target: ApplicationDestination) -> bool | None:
    """True when the entry allows, False when it denies, None when it speaks of another place."""
    name, server = _says(entry.name, target.name), _says(entry.server, target.server)
    namespace = _says(entry.namespace, target.namespace, may_be_empty=True)
    if True in (name, server) and namespace is True:
        return True
    cluster_denied = False in (name, server)
    if cluster_denied and namespace is not None:
        return False
    return False if namespace is False and True in (name, server) else None


def _says(pattern: str, value: str, *, may_be_empty: bool = False) -> bool | None:
    """True when the pattern takes the value in, False when a `!` pattern keeps it out, None when it does not speak."""
    if not may_be_empty and not (pattern and value):
        return None
    if pattern.startswith("!"):
        return not _hits(pattern[1:], value, when_broken=True)
    return True if pattern == "*" or _hits(pattern, value) else None


def kind_permitted(project: AppProject | None, group: str, kind: str, name: str, namespaced: bool) -> bool:
    """Whether the project's applications may bring objects of the kind; a denying list wins.

    Cluster-scoped kinds must be listed, by name where the entry gives one. Namespaced kinds are all permitted while
    there is no list, and none by an empty list. No project permits everything.
    """
    if project is None:
        return True
    spec = project.spec
    if namespaced:
        allowed = spec.namespace_resource_whitelist
        return (allowed is None or _listed(allowed, group, kind)) and not _listed(
            spec.namespace_resource_blacklist, group, kind, when_broken=True
        )
    return _named(spec.cluster_resource_whitelist, group, kind, name) and not _named(
        spec.cluster_resource_blacklist, group, kind, name, when_broken=True
    )


def _listed(entries: Iterable[GroupKind] | None, group: str, kind: str, *, when_broken: bool = False) -> bool:
    return any(
        _path_hits(entry.group, group, when_broken=when_broken)
        and _path_hits(entry.kind, kind, when_broken=when_broken)
        for entry in entries or ()
    )


def _named(
    entries: Iterable[ClusterResourceRestriction] | None, group: str, kind: str, name: str, *, when_broken: bool = False
) -> bool:
    return any(
        _path_hits(entry.group, group, when_broken=when_broken)
        and _path_hits(entry.kind, kind, when_broken=when_broken)
        and (not entry.name or _path_hits(entry.name, name, when_broken=when_broken))
        for entry in entries or ()
    )


def namespace_permitted(project: AppProject, namespace: str, control_namespace: str) -> bool:
    """Whether Applications of the namespace may use the project: the control namespace always, others if listed.

    An entry is a glob, or a regular expression between slashes.
    """
    if not namespace or namespace == control_namespace:
        return True
    return any(_namespace_hits(entry, namespace) for entry in project.spec.source_namespaces or ())


def _namespace_hits(entry: str, namespace: str) -> bool:
    if len(entry) > 1 and entry.startswith("/") and entry.endswith("/"):
        try:
            return re.search(entry[1:-1], namespace) is not None
        except re.error:
            return False
    return _hits(entry, namespace)


def _hits(pattern: str, value: str, separators: str = "", *, when_broken: bool = False) -> bool:
    """Whether the glob matches. A pattern that is none allows nothing, and as a denial it denies."""
    try:
        return glob_match(pattern, value, separators)
    except BadGlob:
        return when_broken


def _path_hits(pattern: str, value: str, *, when_broken: bool) -> bool:
    try:
        return path_match(pattern, value)
    except BadGlob:
        return when_broken


_UNENFORCED: dict[str, Callable[[AppProjectSpec], bool]] = {
    "spec.syncWindows": lambda spec: bool(spec.sync_windows),
    "spec.destinationServiceAccounts": lambda spec: bool(spec.destination_service_accounts),
    "spec.permitOnlyProjectScopedClusters": lambda spec: spec.permit_only_project_scoped_clusters,
}
"""Restrictions that this version cannot enforce, each with the question whether a project sets it."""


def unenforced(project: AppProject | None) -> tuple[str, ...]:
    """Restrictions the project sets that this version cannot enforce: its applications must not be delivered."""
    if project is None:
        return ()
    return tuple(path for path, is_set in _UNENFORCED.items() if is_set(project.spec))
