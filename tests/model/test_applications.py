"""Reading users' Applications and AppProjects, and what is written of them."""

import msgspec

from todoke.model.applications import (
    Application,
    ApplicationSource,
    ApplicationSpec,
    Automated,
    Operation,
    OperationState,
    ResourceResult,
    SyncOperation,
    SyncPolicy,
    read_application,
    sources_of,
)
from todoke.model.projects import read_project

SHOP = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "shop", "namespace": "todoke"},
    "spec": {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": {"repoURL": "https://git.example/shop.git", "path": "k8s", "targetRevision": "main"},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": False},
            "syncOptions": ["CreateNamespace=true"],
        },
    },
}


def with_spec(**fields):
    return {**SHOP, "spec": {**SHOP["spec"], **fields}}


def test_fields_are_read_under_their_json_names():
    spec = read_application(SHOP).value.spec

    assert spec.source == ApplicationSource(repo_url="https://git.example/shop.git", path="k8s", target_revision="main")
    assert spec.sync_policy == SyncPolicy(
        automated=Automated(prune=True, self_heal=False), sync_options=("CreateNamespace=true",)
    )


def test_what_is_read_is_written_again():
    written = msgspec.json.encode(read_application(SHOP).value)

    assert msgspec.json.decode(written) == SHOP


def test_unknown_fields_are_passed_over():
    found = read_application(with_spec(fromTheFuture={"a": 1}))

    assert (found.value, found.problems) == (read_application(SHOP).value, ())


def test_explicit_nulls_count_as_absent():
    body = with_spec(sources=None, info=None, ignoreDifferences=None, revisionHistoryLimit=None)
    body["spec"]["source"] = {**SHOP["spec"]["source"], "helm": None, "chart": None}

    assert read_application(body) == read_application(SHOP)


def test_a_wrong_type_costs_only_its_field():
    body = with_spec(source={**SHOP["spec"]["source"], "helm": {"valueFiles": "values.yaml", "releaseName": "x"}})
    found = read_application(body)

    assert found.problems == ("spec.source.helm.valueFiles: Expected `array | null`, got `str`",)
    assert found.value.spec.source.helm.release_name == "x"
    assert found.value.spec.source.path == "k8s"


def test_a_wrong_map_value_costs_its_map():
    body = {**SHOP, "metadata": {"name": "shop", "labels": {"team": 7}}}
    found = read_application(body)

    assert found.problems == ("metadata.labels: Expected `str`, got `int`",)
    assert found.value.metadata.name == "shop"


def test_an_object_of_another_shape_is_read_as_an_empty_one():
    found = read_application({"spec": []})

    assert (found.value, found.problems) == (Application(), ("spec: Expected `object`, got `array`",))


def test_sources_beat_the_one_source():
    one, two = ApplicationSource(repo_url="one"), ApplicationSource(repo_url="two")

    assert sources_of(ApplicationSpec(source=one, sources=(two, two))) == (two, two)
    assert sources_of(ApplicationSpec(source=one, sources=())) == (one,)
    assert sources_of(ApplicationSpec()) == ()


def test_int_or_string_keeps_either():
    body = with_spec(source={"repoURL": "u", "kustomize": {"replicas": [{"name": "web", "count": "3"}]}})

    assert read_application(body).value.spec.source.kustomize.replicas[0].count == "3"


def test_demanded_fields_are_written_even_when_empty():
    state = OperationState(operation=Operation(sync=SyncOperation(prune=True)), phase="Running")
    result = ResourceResult(version="v1", kind="Namespace", name="shop")

    assert msgspec.to_builtins(state) == {
        "operation": {"sync": {"prune": True}},
        "phase": "Running",
        "startedAt": "",
    }
    assert msgspec.to_builtins(result) == {
        "group": "", "version": "v1", "kind": "Namespace", "namespace": "", "name": "shop",
    }  # fmt: skip


def test_an_empty_whitelist_is_not_an_unset_one():
    assert read_project({"spec": {"namespaceResourceWhitelist": []}}).value.spec.namespace_resource_whitelist == ()
    assert read_project({"spec": {}}).value.spec.namespace_resource_whitelist is None


def test_a_restriction_that_cannot_be_read_is_a_problem():
    found = read_project({"spec": {"namespaceResourceWhitelist": "ConfigMap"}})

    assert found.problems == ("spec.namespaceResourceWhitelist: Expected `array | null`, got `str`",)
