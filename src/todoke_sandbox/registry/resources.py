"""Resources: a kind, the name its collections have in URLs, and what can be done with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from todoke_sandbox.schema.kinds import Kind
from todoke_sandbox.schema.loader import Schemas
from todoke_sandbox.schema.structural import served_versions
from todoke_sandbox.storage.store import TableKey

_VERSION: Final = re.compile(r"v(?P<major>\d+)(?P<stage>beta|alpha|)(?P<minor>\d+)?")
_STAGES: Final = ("", "beta", "alpha")
ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """One resource in one version.

    Attributes:
        plural: as URLs have it. subresources: for example `status`, `scale`, `log`.
        scale_paths: of custom resources with a scale: where replicas, their status and the selector stand.
        columns: of custom resources: their additionalPrinterColumns.
        verbs: `create` alone for what is only asked, such as reviews.
        list_kind: of collections. storage_version: of custom resources: the version they are stored in.
    """

    group: str
    version: str
    plural: str
    kind: Kind
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    scale_paths: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[Mapping[str, Any], ...] = ()
    preferred: bool = True
    list_kind: str = ""
    storage_version: str = ""

    @property
    def table(self) -> TableKey:
        """Where its objects lie."""
        return TableKey(self.group, self.plural)

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition made it."""
        return not self.kind.built_in

    @property
    def text(self) -> str:
        """As messages spell it: `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def root(self) -> str:
        """The URL path of its group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


def version_priority(version: str) -> tuple[int, int, int, str]:
    """By which versions are sorted: stable before beta before alpha, newer before older, others last.

    Source: Kubernetes documentation, "Versions in CustomResourceDefinitions", "Version priority".
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        return len(_STAGES), 0, 0, version
    return _STAGES.index(found["stage"]), -int(found["major"]), -int(found["minor"] or 0), version


class Registry:
    """All resources served now: the built-in ones, and custom ones as their definitions come and go."""

    def __init__(self, schemas: Schemas, built_in: Iterable[Resource]) -> None:
        """Takes what is served from the start; see :mod:`todoke_sandbox.registry.builtin`."""
        self.schemas = schemas
        self._resources = {(r.group, r.version, r.plural): r for r in built_in}
        self._specs: dict[tuple[str, str], Any] = {}
        self._listeners: dict[object, Callable[[], None]] = {}

    def listen(self, hear: Callable[[], None]) -> Callable[[], None]:
        """Have each change of what is served told. Returns what ends it."""
        token = object()
        self._listeners[token] = hear
        return lambda: self._listeners.pop(token, None) and None

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a URL."""
        return self._resources.get((group, version, plural))

    def of_kind(self, group: str, version: str, kind: str) -> Resource | None:
        """The resource of an object."""
        for found in self._resources.values():
            if (found.group, found.version, found.kind.name) == (group, version, kind):
                return found
        return None

    def preferred(self, group: str, plural: str) -> Resource | None:
        """The resource in the version that clients are pointed to; None when the resource is not served."""
        found = [r for r in self._resources.values() if (r.group, r.plural) == (group, plural)]
        return next((r for r in found if r.preferred), found[0] if found else None)

    def resources(self) -> list[Resource]:
        """Every resource in every served version."""
        return list(self._resources.values())

    def add_definition(self, definition: Mapping[str, Any]) -> None:
        """Serve what a CustomResourceDefinition defines, in place of what an earlier version of it did.

        One that defines the same as before changes nothing: watches of its objects go on.
        """
        spec = definition["spec"]
        names = spec["names"]
        if self._specs.get((spec["group"], names["plural"])) == spec:
            return
        self.remove(spec["group"], names["plural"])
        kinds = {kind.version: kind for kind in self.schemas.add_definition(definition)}
        versions = sorted(served_versions(definition), key=lambda version: version_priority(version["name"]))
        stored = next((version["name"] for version in spec["versions"] if version.get("storage")), "")
        for number, version in enumerate(versions):
            subresources = version.get("subresources") or {}
            made = Resource(
                spec["group"],
                version["name"],
                names["plural"],
                kinds[version["name"]],
                namespaced=spec["scope"] == "Namespaced",
                singular=names.get("singular") or names["kind"].lower(),
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                subresources=tuple(name for name in ("status", "scale") if name in subresources),
                scale_paths=subresources.get("scale") or {},
                columns=tuple(version.get("additionalPrinterColumns") or ()),
                preferred=number == 0,
                list_kind=names.get("listKind") or f"{names['kind']}List",
                storage_version=stored,
            )
            self._resources[made.group, made.version, made.plural] = made
        self._specs[spec["group"], names["plural"]] = spec
        self._tell()

    def remove(self, group: str, plural: str) -> None:
        """Serve a custom resource no more, in any version."""
        gone = [r for r in self._resources.values() if r.custom and (r.group, r.plural) == (group, plural)]
        for resource in gone:
            del self._resources[resource.group, resource.version, resource.plural]
            self.schemas.remove(group, resource.kind.name)
        if self._specs.pop((group, plural), None) is not None:
            self._tell()

    def _tell(self) -> None:
        for hear in tuple(self._listeners.values()):
            hear()
