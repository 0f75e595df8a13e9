"""The AppProject: what its applications may read, where they may go and who may touch them.

Source of the fields: Argo CD v3.5 AppProject CRD.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from todoke.model.lenient import Read, read
from todoke.model.metadata import ObjectMeta
from todoke.model.schema_marks import Int64, Model, required


class GroupKind(Model, frozen=True):
    """A pair of globs on group and kind."""

    group: str = required(str)
    kind: str = required(str)


class ClusterResourceRestriction(Model, frozen=True):
    """Globs on group, kind and, when given, on the object's name."""

    group: str = required(str)
    kind: str = required(str)
    name: str = ""


class ProjectDestination(Model, frozen=True):
    """Globs on server or name, and on namespace; a leading `!` denies."""

    server: str = ""
    name: str = ""
    namespace: str = ""


class DestinationServiceAccount(Model, frozen=True):
    """The service account that syncs to a destination act as."""

    server: str = required(str)
    namespace: str = ""
    default_service_account: str = required(str)


class OrphanedResourceKey(Model, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""


class OrphanedResources(Model, frozen=True):
    """Watching for objects that no application owns."""

    warn: bool | None = None
    ignore: tuple[OrphanedResourceKey, ...] | None = None


class JWTToken(Model, frozen=True):
    """One issued token; times in seconds since 1970."""

    iat: Int64 = required(int)
    exp: Int64 = 0
    id: str = ""


class JWTTokens(Model, frozen=True):
    items: tuple[JWTToken, ...] | None = None


class ProjectRole(Model, frozen=True):
    """Rights inside the project, for groups and tokens."""

    name: str = required(str)
    description: str = ""
    policies: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    jwt_tokens: tuple[JWTToken, ...] | None = None


class SignatureKey(Model, frozen=True):
    key_id: str = required(str)


class RepositoryPattern(Model, frozen=True):
    url: str = required(str)


class GitGpgPolicy(Model, frozen=True):
    mode: str = required(str)
    keys: tuple[str, ...] = required(tuple)


class GitIntegrityPolicy(Model, frozen=True):
    """Whose signatures commits of some repositories need."""

    repos: tuple[RepositoryPattern, ...] = required(tuple)
    gpg: GitGpgPolicy = required(GitGpgPolicy)


class GitIntegrity(Model, frozen=True):
    policies: tuple[GitIntegrityPolicy, ...] = required(tuple)


class SourceIntegrity(Model, frozen=True):
    git: GitIntegrity = required(GitIntegrity)


class SyncWindow(Model, frozen=True):
    """A time in which syncs are allowed or denied."""

    kind: str = ""
    schedule: str = ""
    duration: str = ""
    time_zone: str = ""
    applications: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    clusters: tuple[str, ...] | None = None
    manual_sync: bool = False
    and_operator: bool = False
    sync_overrun: bool = False
    description: str = ""


class AppProjectSpec(Model, frozen=True):
    """The rules of a project. No namespaceResourceWhitelist allows all kinds, an empty one allows none."""

    description: Annotated[str, Meta(extra_json_schema={"maxLength": 255})] = ""
    source_repos: Annotated[
        tuple[str, ...] | None, Meta(description="Globs of permitted repositories; a leading ! denies.")
    ] = None
    source_namespaces: Annotated[
        tuple[str, ...] | None, Meta(description="Namespaces whose Applications may use this project.")
    ] = None
    destinations: tuple[ProjectDestination, ...] | None = None
    cluster_resource_whitelist: tuple[ClusterResourceRestriction, ...] | None = None
    cluster_resource_blacklist: tuple[ClusterResourceRestriction, ...] | None = None
    namespace_resource_whitelist: tuple[GroupKind, ...] | None = None
    namespace_resource_blacklist: tuple[GroupKind, ...] | None = None
    destination_service_accounts: tuple[DestinationServiceAccount, ...] | None = None
    orphaned_resources: OrphanedResources | None = None
    permit_only_project_scoped_clusters: bool = False
    roles: tuple[ProjectRole, ...] | None = None
    signature_keys: tuple[SignatureKey, ...] | None = None
    source_integrity: SourceIntegrity | None = None
    sync_windows: tuple[SyncWindow, ...] | None = None


class AppProjectStatus(Model, frozen=True):
    jwt_tokens_by_role: dict[str, JWTTokens] | None = None


class AppProject(Model, frozen=True):
    """A project with its name."""

    api_version: str = required(lambda: "argoproj.io/v1alpha1")
    kind: str = required(lambda: "AppProject")
    metadata: ObjectMeta = required(ObjectMeta)
    spec: AppProjectSpec = required(AppProjectSpec)
    status: AppProjectStatus | None = None


def read_project(body: Mapping[str, Any]) -> Read[AppProject]:
    """The project in a decoded object. With `.problems` it must not be used: what could not be read may restrict."""
    return read(body, AppProject)
