"""What todoke tells of an Application. Source: Argo CD v3.5 Application CRD, `status`."""

from typing import Annotated

from msgspec import Meta

from todoke.model.application_sources import ApplicationSource, SourceHydrator
from todoke.model.application_spec import (
    ApplicationDestination,
    ManagedNamespaceMetadata,
    Operation,
    OperationInitiator,
    ResourceIgnoreDifferences,
)
from todoke.model.schema_marks import Int64, Model, Time, required


class ComparedTo(Model, frozen=True):
    """The part of the spec that the last comparison was made with."""

    destination: ApplicationDestination = required(ApplicationDestination)
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] | None = None
    ignore_differences: tuple[ResourceIgnoreDifferences, ...] | None = None


class SyncStatus(Model, frozen=True):
    """Whether the cluster holds what the revision says: Synced, OutOfSync or Unknown."""

    status: str = required(str)
    revision: str = ""
    revisions: tuple[str, ...] | None = None
    compared_to: ComparedTo | None = None


class HealthStatus(Model, frozen=True):
    """Health of an object or of the whole: Healthy, Suspended, Progressing, Missing, Degraded or Unknown."""

    status: str = ""
    message: str = ""
    last_transition_time: Time = ""


class ResourceStatus(Model, frozen=True):
    """One object of the application."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    status: str = ""
    health: HealthStatus | None = None
    hook: bool = False
    requires_pruning: bool = False
    requires_deletion_confirmation: bool = False
    sync_wave: Int64 = 0


class RevisionHistory(Model, frozen=True):
    """One finished sync, oldest first in the list."""

    id: Int64 = required(int)
    deployed_at: Time = required(str)
    deploy_started_at: Time = ""
    revision: str = ""
    revisions: tuple[str, ...] | None = None
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] | None = None
    initiated_by: OperationInitiator | None = None


class ApplicationCondition(Model, frozen=True):
    """Something a person should know; a type that ends in Error stops the sync."""

    type: str = required(str)
    message: str = required(str)
    last_transition_time: Time = ""


class ResourceResult(Model, frozen=True):
    """What a sync did with one object."""

    group: str = required(str)
    version: str = required(str)
    kind: str = required(str)
    namespace: str = required(str)
    name: str = required(str)
    status: Annotated[str, Meta(description="Synced, SyncFailed, Pruned or PruneSkipped.")] = ""
    message: str = ""
    hook_type: str = ""
    hook_phase: str = ""
    sync_phase: str = ""
    images: tuple[str, ...] | None = None


class SyncOperationResult(Model, frozen=True):
    """Which revision a sync applied, and object by object how that went."""

    revision: str = required(str)
    revisions: tuple[str, ...] | None = None
    source: ApplicationSource | None = None
    sources: tuple[ApplicationSource, ...] | None = None
    resources: tuple[ResourceResult, ...] | None = None
    managed_namespace_metadata: ManagedNamespaceMetadata | None = None


class OperationState(Model, frozen=True):
    """The running or the last operation. Phase: Running, Terminating, Succeeded, Failed or Error."""

    operation: Operation = required(Operation)
    phase: str = required(str)
    started_at: Time = required(str)
    finished_at: Time = ""
    message: str = ""
    retry_count: Int64 = 0
    sync_result: SyncOperationResult | None = None


class ApplicationSummary(Model, frozen=True):
    """Links and images of the application's objects."""

    external_urls: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    is_app_of_apps: bool = False


_HYDRATE_PHASE = Meta(extra_json_schema={"enum": ["Hydrating", "Failed", "Hydrated"]})


class HydrateOperation(Model, frozen=True):
    """The running or the last rendering into a branch."""

    started_at: Time = ""
    finished_at: Time = ""
    phase: Annotated[str, _HYDRATE_PHASE] = required(str)
    message: str = required(str)
    dry_sha: str = ""
    hydrated_sha: str = ""
    source_hydrator: SourceHydrator | None = None


class SuccessfulHydrateOperation(Model, frozen=True):
    """The last rendering into a branch that went well."""

    dry_sha: str = ""
    hydrated_sha: str = ""
    source_hydrator: SourceHydrator | None = None


class SourceHydratorStatus(Model, frozen=True):
    current_operation: HydrateOperation | None = None
    last_successful_operation: SuccessfulHydrateOperation | None = None
    last_compared_dry_revision: str = ""


class ApplicationStatus(Model, frozen=True):
    """All that was found out about the application."""

    sync: SyncStatus | None = None
    health: HealthStatus | None = None
    resources: tuple[ResourceStatus, ...] | None = None
    history: tuple[RevisionHistory, ...] | None = None
    conditions: tuple[ApplicationCondition, ...] | None = None
    operation_state: OperationState | None = None
    reconciled_at: Time = ""
    observed_at: Time = ""
    source_type: str = ""
    source_types: tuple[str, ...] | None = None
    summary: ApplicationSummary | None = None
    resource_health_source: str = ""
    controller_namespace: str = ""
    source_hydrator: SourceHydratorStatus | None = None
