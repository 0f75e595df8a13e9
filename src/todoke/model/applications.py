"""The Argo CD `Application`, field by field, as frozen values.

Only what is used is read here: users' objects are never written back from these values, because what a newer
Argo CD may have added would be lost. Write with merge patches and server-side apply.
"""

from collections.abc import Mapping
from typing import Any

from todoke.model.application_sources import (
    ApplicationSource,
    Info,
    SourceDirectory,
    SourceHelm,
    SourceHydrator,
    SourceJsonnet,
    SourceKustomize,
    SourcePlugin,
)
from todoke.model.application_spec import (
    ApplicationDestination,
    ApplicationSpec,
    Automated,
    Backoff,
    ManagedNamespaceMetadata,
    Operation,
    OperationInitiator,
    ResourceIgnoreDifferences,
    RetryStrategy,
    SyncOperation,
    SyncOperationResource,
    SyncPolicy,
    SyncStrategy,
    SyncStrategyApply,
)
from todoke.model.application_status import (
    ApplicationCondition,
    ApplicationStatus,
    ApplicationSummary,
    ComparedTo,
    HealthStatus,
    OperationState,
    ResourceResult,
    ResourceStatus,
    RevisionHistory,
    SyncOperationResult,
    SyncStatus,
)
from todoke.model.lenient import Read, read
from todoke.model.metadata import ObjectMeta
from todoke.model.schema_marks import Model, required

__all__ = [
    "Application",
    "ApplicationCondition",
    "ApplicationDestination",
    "ApplicationSource",
    "ApplicationSpec",
    "ApplicationStatus",
    "ApplicationSummary",
    "Automated",
    "Backoff",
    "ComparedTo",
    "HealthStatus",
    "Info",
    "ManagedNamespaceMetadata",
    "ObjectMeta",
    "Operation",
    "OperationInitiator",
    "OperationState",
    "ResourceIgnoreDifferences",
    "ResourceResult",
    "ResourceStatus",
    "RetryStrategy",
    "RevisionHistory",
    "SourceDirectory",
    "SourceHelm",
    "SourceHydrator",
    "SourceJsonnet",
    "SourceKustomize",
    "SourcePlugin",
    "SyncOperation",
    "SyncOperationResource",
    "SyncOperationResult",
    "SyncPolicy",
    "SyncStatus",
    "SyncStrategy",
    "SyncStrategyApply",
    "read_application",
    "sources_of",
]


class Application(Model, frozen=True):
    """One application. `operation` stands beside spec and status: the door for whoever asks for a sync."""

    api_version: str = required(lambda: "argoproj.io/v1alpha1")
    kind: str = required(lambda: "Application")
    metadata: ObjectMeta = required(ObjectMeta)
    spec: ApplicationSpec = required(ApplicationSpec)
    operation: Operation | None = None
    status: ApplicationStatus | None = None


def read_application(body: Mapping[str, Any]) -> Read[Application]:
    """The application in a decoded object; a value of a wrong type is left out and named in `.problems`."""
    return read(body, Application)


def sources_of(spec: ApplicationSpec) -> tuple[ApplicationSource, ...]:
    """The sources to deliver: `sources` when it names any, else the one `source`, else none."""
    if spec.sources:
        return spec.sources
    return (spec.source,) if spec.source else ()
