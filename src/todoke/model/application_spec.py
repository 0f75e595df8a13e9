"""What a user wants of an Application and asks of it. Source: Argo CD v3.5 Application CRD."""

from typing import Annotated

from msgspec import Meta

from todoke.model.application_sources import ApplicationSource, Info, SourceHydrator
from todoke.model.schema_marks import Int64, Model, required


class ApplicationDestination(Model, frozen=True):
    """The cluster, by URL or by name, and the namespace for objects that name none."""

    server: Annotated[str, Meta(description="URL of the cluster; give this or the name.")] = ""
    name: Annotated[str, Meta(description="Name of the cluster; give this or the server.")] = ""
    namespace: Annotated[str, Meta(description="Namespace of objects whose manifest names none.")] = ""


class Backoff(Model, frozen=True):
    """How the pauses between attempts grow. Durations such as `5s`, `3m`; a bare number means seconds."""

    duration: str = ""
    factor: Int64 | None = None
    max_duration: str = ""


class RetryStrategy(Model, frozen=True):
    """How often a failed operation is tried again."""

    limit: Annotated[Int64, Meta(description="Attempts after the first; below zero means no end.")] = 0
    backoff: Backoff | None = None
    refresh: Annotated[bool, Meta(description="Take the newest revision at every attempt.")] = False


class Automated(Model, frozen=True):
    """Syncing without a person. `enabled` counts as true when unset."""

    prune: Annotated[bool | None, Meta(description="Delete objects that left the source.")] = None
    self_heal: Annotated[bool | None, Meta(description="Undo changes made in the cluster.")] = None
    allow_empty: Annotated[bool | None, Meta(description="Let an empty source delete everything.")] = None
    enabled: Annotated[bool | None, Meta(description="Set to false to pause; true when unset.")] = None


class ManagedNamespaceMetadata(Model, frozen=True):
    """Labels and annotations of a namespace that a sync created."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class SyncPolicy(Model, frozen=True):
    """When and how the application is synced."""

    automated: Automated | None = None
    sync_options: Annotated[tuple[str, ...] | None, Meta(description="Switches such as CreateNamespace=true.")] = None
    retry: RetryStrategy | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class ResourceIgnoreDifferences(Model, frozen=True):
    """Fields of some objects that do not count as drift."""

    group: str = ""
    kind: str = required(str)
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] | None = None
    jq_path_expressions: tuple[str, ...] | None = None
    managed_fields_managers: tuple[str, ...] | None = None


class ApplicationSpec(Model, frozen=True):
    """Sources, destination and policy of one application. `sources` beats `source`."""

    destination: ApplicationDestination = required(ApplicationDestination)
    project: Annotated[str, Meta(description="Project whose rules apply.")] = required(str)
    source: ApplicationSource | None = None
    sources: Annotated[tuple[ApplicationSource, ...] | None, Meta(description="Many sources; beats `source`.")] = None
    source_hydrator: SourceHydrator | None = None
    sync_policy: SyncPolicy | None = None
    ignore_differences: tuple[ResourceIgnoreDifferences, ...] | None = None
    info: tuple[Info, ...] | None = None
    revision_history_limit: Annotated[
        Int64 | None, Meta(description="Entries kept in status.history; 10 when unset.")
    ] = None


class OperationInitiator(Model, frozen=True):
    """Who asked: a person's name, or the automation."""

    username: str = ""
    automated: bool = False


class SyncOperationResource(Model, frozen=True):
    """One object of a sync that is limited to some."""

    group: str = ""
    kind: str = required(str)
    name: str = required(str)
    namespace: str = ""


class SyncStrategyApply(Model, frozen=True):
    force: bool = False


class SyncStrategy(Model, frozen=True):
    """`apply` leaves hooks out, `hook` runs them; hook when neither is set."""

    apply: SyncStrategyApply | None = None
    hook: SyncStrategyApply | None = None


class SyncOperation(Model, frozen=True):
    """One asked sync: to which revision, of which objects, and how."""

    revision: Annotated[str, Meta(description="Commit to sync to; that of the spec when empty.")] = ""
    revisions: tuple[str, ...] | None = None
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] | None = None
    prune: bool = False
    dry_run: bool = False
    sync_strategy: SyncStrategy | None = None
    resources: Annotated[
        tuple[SyncOperationResource, ...] | None, Meta(description="Only these objects, all when empty.")
    ] = None
    manifests: tuple[str, ...] | None = None
    sync_options: tuple[str, ...] | None = None
    auto_heal_attempts_count: Int64 = 0


class Operation(Model, frozen=True):
    """What somebody asked to be done now."""

    sync: SyncOperation | None = None
    initiated_by: OperationInitiator | None = None
    info: tuple[Info, ...] | None = None
    retry: RetryStrategy | None = None
