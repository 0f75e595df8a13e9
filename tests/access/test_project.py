"""Each case file is a project with what it permits and what it refuses."""

from pathlib import Path

import pytest

from tests.cases import cases
from todoke.access.project import (
    check,
    destination_permitted,
    kind_permitted,
    namespace_permitted,
    source_permitted,
    unenforced,
)
from todoke.model.applications import ApplicationDestination, read_application
from todoke.model.lenient import read
from todoke.model.projects import AppProject


def project_of(spec):
    return read({"metadata": {"name": "shop", "namespace": "todoke"}, "spec": spec}, AppProject).value


def permitted(project, ask):
    match ask:
        case {"source": url}:
            return source_permitted(project, url)
        case {"destination": place}:
            return destination_permitted(project, ApplicationDestination(**place))
        case {"namespace": namespace}:
            return namespace_permitted(project, namespace, "todoke")
        case _:
            return kind_permitted(project, **ask)


@cases(Path(__file__).parent / "cases")
def test_project(case):
    project = project_of(case["project"])

    assert [ask for ask in case["permitted"] if not permitted(project, ask)] == []
    assert [ask for ask in case["refused"] if permitted(project, ask)] == []


APPLICATION = read_application(
    {
        "metadata": {"name": "shop", "namespace": "todoke"},
        "spec": {
            "project": "shop",
            "source": {"repoURL": "https://git.example/shop.git", "path": "."},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
    }
).value
EVERYTHING = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}


def test_a_project_that_permits_all_has_no_objection():
    assert check(APPLICATION, project_of(EVERYTHING), "shop", control_namespace="todoke") == ()


def test_each_objection_names_field_project_and_remedy():
    assert check(APPLICATION, project_of({}), "shop", control_namespace="argocd") == (
        "metadata.namespace: the project shop takes no applications from the namespace todoke. "
        "Add it to spec.sourceNamespaces of the AppProject",
        "spec.source.repoURL: the project shop does not permit the repository https://git.example/shop.git. "
        "Add it to spec.sourceRepos of the AppProject",
        "spec.destination: the project shop does not permit the cluster https://kubernetes.default.svc "
        'with the namespace "shop". Add the pair to spec.destinations of the AppProject',
    )


def test_every_source_is_asked_about():
    body = {"spec": {"sources": [{"repoURL": "https://a.example"}, {"repoURL": "https://b.example"}]}}
    project = project_of({**EVERYTHING, "sourceRepos": ["https://a.example"]})
    destination = ApplicationDestination(server="https://kubernetes.default.svc", name="in-cluster")

    (reason,) = check(
        read_application(body).value, project, "shop", control_namespace="todoke", destination=destination
    )
    assert reason.startswith("spec.sources[1].repoURL: the project shop does not permit")


def test_a_url_never_shows_its_password():
    body = {"spec": {"source": {"repoURL": "https://joe:hunter2@git.example/shop"}}}
    reasons = check(read_application(body).value, project_of({}), "shop", control_namespace="todoke")

    assert "hunter2" not in "".join(reasons)


def test_a_missing_project_is_an_objection():
    assert check(APPLICATION, None, "shop", control_namespace="todoke") == (
        "spec.project: there is no project shop. Create the AppProject or name another",
    )


@pytest.mark.parametrize("name", ["default", ""])
def test_the_default_project_need_not_exist(name):
    assert check(APPLICATION, None, name, control_namespace="todoke") == ()
    assert kind_permitted(None, "", "Namespace", "shop", False)
    assert unenforced(None) == ()


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({**EVERYTHING, "roles": [{"name": "ci"}], "orphanedResources": {"warn": True}}, ()),
        ({"syncWindows": [], "permitOnlyProjectScopedClusters": False}, ()),
        ({"syncWindows": [{"kind": "deny"}]}, ("spec.syncWindows",)),
        ({"destinationServiceAccounts": [{"server": "*", "defaultServiceAccount": "x"}],
          "permitOnlyProjectScopedClusters": True},
         ("spec.destinationServiceAccounts", "spec.permitOnlyProjectScopedClusters")),
    ],
)  # fmt: skip
def test_restrictions_that_cannot_be_enforced_are_named(spec, paths):
    assert unenforced(project_of(spec)) == paths
