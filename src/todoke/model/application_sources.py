"""Where manifests come from. Source of the fields: Argo CD v3.5 Application CRD, `spec.source`."""

from typing import Annotated

from msgspec import Meta

from todoke.model.schema_marks import FreeForm, IntOrString, Model, required


class NameValue(Model, frozen=True):
    """A name with a text."""

    name: str = required(str)
    value: str = required(str)


Info = NameValue
"""One line that a user wants to see beside an application or an operation."""


class JsonnetVar(Model, frozen=True):
    name: str = required(str)
    value: str = required(str)
    code: bool = False


class SourceJsonnet(Model, frozen=True):
    ext_vars: tuple[JsonnetVar, ...] | None = None
    tlas: tuple[JsonnetVar, ...] | None = None
    libs: tuple[str, ...] | None = None


class SourceDirectory(Model, frozen=True):
    """Plain manifests of a folder."""

    recurse: Annotated[bool, Meta(description="Read the folders below the path as well.")] = False
    include: Annotated[str, Meta(description="Only files whose path matches this glob.")] = ""
    exclude: Annotated[str, Meta(description="Not the files whose path matches; beats include.")] = ""
    jsonnet: SourceJsonnet | None = None
    disable_extension_filter: bool = False


class HelmParameter(Model, frozen=True):
    name: str = ""
    value: str = ""
    force_string: bool = False


class HelmFileParameter(Model, frozen=True):
    name: str = ""
    path: str = ""


class SourceHelm(Model, frozen=True):
    """Options of a Helm chart."""

    api_versions: tuple[str, ...] | None = None
    file_parameters: tuple[HelmFileParameter, ...] | None = None
    ignore_missing_value_files: bool = False
    kube_version: str = ""
    namespace: str = ""
    parameters: tuple[HelmParameter, ...] | None = None
    pass_credentials: bool = False
    release_name: str = ""
    skip_crds: bool = False
    skip_schema_validation: bool = False
    skip_tests: bool = False
    value_files: tuple[str, ...] | None = None
    values: str = ""
    values_object: Annotated[
        FreeForm | None, Meta(description="Values as an object; beats `values` where both say something.")
    ] = None
    version: str = ""


class KustomizeTarget(Model, frozen=True):
    annotation_selector: str = ""
    group: str = ""
    kind: str = ""
    label_selector: str = ""
    name: str = ""
    namespace: str = ""
    version: str = ""


class KustomizePatch(Model, frozen=True):
    options: dict[str, bool] | None = None
    patch: str = ""
    path: str = ""
    target: KustomizeTarget | None = None


class KustomizeReplica(Model, frozen=True):
    name: str = required(str)
    count: IntOrString = required(int)


class SourceKustomize(Model, frozen=True):
    """Options of a kustomization."""

    api_versions: tuple[str, ...] | None = None
    common_annotations: dict[str, str] | None = None
    common_annotations_envsubst: bool = False
    common_labels: dict[str, str] | None = None
    components: tuple[str, ...] | None = None
    force_common_annotations: bool = False
    force_common_labels: bool = False
    ignore_missing_components: bool = False
    images: tuple[str, ...] | None = None
    kube_version: str = ""
    label_include_templates: bool = False
    label_without_selector: bool = False
    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    patches: tuple[KustomizePatch, ...] | None = None
    replicas: tuple[KustomizeReplica, ...] | None = None
    version: str = ""


class PluginParameter(Model, frozen=True):
    name: str = ""
    string: str | None = None
    array: tuple[str, ...] | None = None
    map: dict[str, str] | None = None


class SourcePlugin(Model, frozen=True):
    """A config management plugin and what it is told."""

    name: str = ""
    env: tuple[NameValue, ...] | None = None
    parameters: tuple[PluginParameter, ...] | None = None


class ApplicationSource(Model, frozen=True):
    """One place that manifests come from."""

    repo_url: Annotated[str, Meta(description="Git, Helm or OCI repository to read from.")] = required(str)
    path: Annotated[str, Meta(description="Folder inside the repository.")] = ""
    target_revision: Annotated[
        str,
        Meta(description="Branch, tag, commit or version range to follow; HEAD when empty."),
    ] = ""
    chart: Annotated[str, Meta(description="Chart name, for a Helm repository.")] = ""
    helm: SourceHelm | None = None
    kustomize: SourceKustomize | None = None
    directory: SourceDirectory | None = None
    plugin: SourcePlugin | None = None
    ref: Annotated[str, Meta(description="Name by which value files of other sources point here.")] = ""
    name: Annotated[str, Meta(description="Name of this source among many.")] = ""
    tag_prefix: str = ""


class DrySource(Model, frozen=True):
    """What the hydrator renders."""

    repo_url: str = required(str)
    path: str = required(str)
    target_revision: str = required(str)
    directory: SourceDirectory | None = None
    helm: SourceHelm | None = None
    kustomize: SourceKustomize | None = None
    plugin: SourcePlugin | None = None


_HYDRATED_PATH = Meta(extra_json_schema={"minLength": 1, "pattern": "^.{2,}|[^./]$"})


class SyncSource(Model, frozen=True):
    """Where hydrated manifests are read from."""

    path: Annotated[str, _HYDRATED_PATH] = required(str)
    repo_url: str = ""
    target_branch: str = required(str)


class HydrateTo(Model, frozen=True):
    target_branch: str = required(str)


class SourceHydrator(Model, frozen=True):
    """Rendering into a branch first, delivering from that branch."""

    dry_source: DrySource = required(DrySource)
    hydrate_to: HydrateTo | None = None
    sync_source: SyncSource = required(SyncSource)
