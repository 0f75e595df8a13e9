"""Recorded cases of Argo CD's projects that ask what our functions answer."""

from tests.cases import corpus_cases
from todoke.access.project import (
    destination_permitted,
    kind_permitted,
    namespace_permitted,
    source_permitted,
)
from todoke.access.repository_urls import comparable_url
from todoke.model.applications import ApplicationDestination
from todoke.model.globs import BadGlob, glob_match
from todoke.model.lenient import read
from todoke.model.projects import AppProject


def _source(project, args):
    return source_permitted(project, args["src"]["repoURL"])


def _destination(project, args):
    cluster = args["destCluster"]
    return destination_permitted(
        project,
        ApplicationDestination(
            server=cluster.get("server", ""), name=cluster.get("name", ""), namespace=args["destNamespace"]
        ),
    )


def _kind(project, args):
    kind = args["gk"]
    return kind_permitted(project, kind["group"], kind["kind"], args["name"], args["namespaced"])


def _namespace(project, args):
    return namespace_permitted(project, args["app"]["metadata"].get("namespace", ""), args["controllerNs"])


CALLS = {
    "AppProject.IsSourcePermitted": _source,
    "AppProject.IsDestinationPermitted": _destination,
    "AppProject.IsGroupKindNamePermitted": _kind,
    "AppProject.IsAppNamespacePermitted": _namespace,
}


def _asks_us(case):
    # clusters of a project are not known here: unenforced() makes such a project deliver nothing
    return case["call"] in CALLS and "permitOnlyProjectScopedClusters" not in case["receiver"]["spec"]


# recording dropped an empty list, which says something: no kind is permitted
LOST = {"TestAppProject_IsGroupKindPermitted#1": {"namespaceResourceWhitelist": []}}


@corpus_cases("projects/projects.yaml", _asks_us)
def test_project(case):
    spec = {**case["receiver"]["spec"], **LOST.get(case["id"], {})}
    project = read({"spec": spec}, AppProject).value

    assert CALLS[case["call"]](project, case["args"]) is _expected(case)


@corpus_cases("projects/types.yaml", lambda case: case["call"] == "git.SameURL")
def test_same_repository(case):
    left, right = (comparable_url(case["args"][side]) for side in ("leftRepo", "rightRepo"))

    assert (left == right) is _expected(case)


@corpus_cases("projects/types.yaml", lambda case: case["call"] == "Match" and "text" in case.get("args", {}))
def test_glob(case):
    try:
        found = glob_match(case["args"]["pattern"], case["args"]["text"])
    except BadGlob:
        found = False

    assert found is _expected(case)


def _expected(case):
    (expect,) = case["expect"]
    return expect["value"] if expect["op"] == "equal" else expect["op"] == "is_true"
