"""What a user sets and this version does not act upon is named."""

import pytest

from todoke.access.honoured import fields_not_honoured, options_not_honoured

PLAIN = {
    "project": "default",
    "source": {
        "repoURL": "https://git.example/shop.git",
        "path": "k8s",
        "targetRevision": "main",
        "directory": {"recurse": True, "include": "*.yaml", "exclude": "test/*", "jsonnet": {}},
    },
    "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
    "syncPolicy": {
        "automated": {"prune": True, "selfHeal": True, "allowEmpty": False, "enabled": True},
        "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"],
        "retry": {"limit": 5, "refresh": True, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
    },
    "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}],
    "revisionHistoryLimit": 10,
    "info": [{"name": "team", "value": "shop"}],
}


def test_all_of_a_plain_application_is_honoured():
    assert fields_not_honoured(PLAIN) == ()


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        (
            {"source": {"repoURL": "u", "helm": {"releaseName": "x", "fromTheFuture": True}}},
            ("spec.source.helm.fromTheFuture",),
        ),
        ({"source": {"repoURL": "u", "helm": {"values": ""}, "kustomize": {}, "chart": None}}, ()),
        ({"sources": [{"repoURL": "u"}, {"repoURL": "v", "plugin": {"name": "v"}}]}, ()),
        ({"source": {"kustomize": {"strategy": "x"}}}, ("spec.source.kustomize.strategy",)),
        ({"sourceHydrator": {"drySource": {"repoURL": "u"}}}, ("spec.sourceHydrator",)),
        (
            {"syncPolicy": {"managedNamespaceMetadata": {"labels": {"team": "shop"}}}},
            ("spec.syncPolicy.managedNamespaceMetadata",),
        ),
        (
            {"ignoreDifferences": [{"kind": "Deployment", "jqPathExpressions": [".spec.replicas"]}]},
            ("spec.ignoreDifferences[0].jqPathExpressions",),
        ),
        ({"fromTheFuture": 1}, ("spec.fromTheFuture",)),
        ({"source": "u"}, ("spec.source",)),
    ],
)
def test_what_is_not_honoured_is_named_by_its_path(spec, paths):
    assert fields_not_honoured(spec) == paths


def test_sync_options_are_looked_at_one_by_one():
    spec = {"syncPolicy": {"syncOptions": ["PruneLast=true", "Replace=true", "Shiny=true"]}}

    assert fields_not_honoured(spec) == (
        "spec.syncPolicy.syncOptions: Replace=true",
        "spec.syncPolicy.syncOptions: Shiny=true",
    )


def test_what_is_always_done_cannot_be_switched_off():
    options = ["ServerSideApply=false", "FailOnSharedResource=false", "Validate=false", "Force=true", "Prune=confirm"]

    assert options_not_honoured(options) == tuple(options)
    assert options_not_honoured([option.replace("false", "no") for option in ("Force=false",)]) == ("Force=no",)
    assert options_not_honoured(["ServerSideApply=true", "Validate=true", "Force=false", "Prune=false"]) == ()
