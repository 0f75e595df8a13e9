"""Commands that change something, with the real walk behind them."""

from __future__ import annotations

import pytest
import yaml

from tests.cli.conftest import SETTINGS, URL, WEB, Workshop, body_of, text
from tests.fakes import FakeSource
from todoke.cli import asking
from todoke.delivery import requests
from todoke.model.events import Undone

CREATE = ("app", "create", "cart", "--repo", URL, "--path", "deploy", "--dest-namespace", "shop")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody can answer."""
    monkeypatch.setattr(asking, "interactive", lambda: True)


def deployed(workshop: Workshop, *, automated: bool = False) -> None:
    assert workshop.run("app", "sync", "shop").exit_code == 0
    if automated:
        assert workshop.run("app", "set", "shop", "--sync-policy", "automated", "--auto-prune").exit_code == 0
    workshop.settle()


def test_create(workshop: Workshop) -> None:
    result = workshop.run(*CREATE, "-l", "team=shop", "--sync-policy", "automated", "--self-heal", "--set-finalizer")
    assert result.stdout == "application.argoproj.io/cart created\n"
    made = body_of(workshop, "cart")
    assert made["spec"] == {
        "project": "default",
        "source": {"repoURL": URL, "path": "deploy", "targetRevision": "HEAD"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "syncPolicy": {"automated": {"selfHeal": True}},
    }
    assert made["metadata"]["labels"] == {"team": "shop"}
    assert made["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    assert made["metadata"]["annotations"] == {"todoke.dev/policy-set-by": "taro 2026-03-01T12:00:00Z"}
    again = workshop.run(*CREATE)
    assert (again.exit_code, again.stderr) == (
        1,
        "error: Application/cart: it exists already. Change it with `todoke app set`\n",
    )


def test_create_dry_run_prints_and_makes_nothing(workshop: Workshop) -> None:
    result = workshop.run(*CREATE, "--recurse", "--dry-run", "-o", "yaml")
    assert yaml.safe_load(result.stdout)["spec"]["source"]["directory"] == {"recurse": True}
    assert workshop.run("app", "get", "cart").exit_code == 1


@pytest.mark.parametrize(
    ("flags", "says", "code"),
    [
        (("--dest-server", "https://elsewhere"), "the cluster https://elsewhere is not known", 1),
        (("--auto-prune",), "its sync policy is manual", 1),
        (("--label", "team"), "expected KEY=VALUE", 2),
    ],
)
def test_create_refuses_what_cannot_work(workshop: Workshop, flags: tuple[str, ...], says: str, code: int) -> None:
    result = workshop.run(*CREATE, *flags)
    assert result.exit_code == code
    assert says in result.stderr
    assert workshop.run("app", "get", "cart").exit_code == 1


def test_set_changes_what_is_named_and_nothing_else(workshop: Workshop) -> None:
    workshop.applications.merge("shop", {"spec": {"futureField": {"kept": True}}})
    workshop.controller = False
    assert (
        workshop.run("app", "set", "shop", "--revision", "v2", "--sync-option", "CreateNamespace=true").exit_code == 0
    )
    assert workshop.run("app", "set", "shop", "--sync-option", "PruneLast=true", "--sync-option", "!CreateNamespace")
    spec = body_of(workshop)["spec"]
    assert spec["source"] == {"repoURL": URL, "path": "deploy", "targetRevision": "v2"}
    assert spec["syncPolicy"] == {"syncOptions": ["PruneLast=true"]}
    assert spec["futureField"] == {"kept": True}
    nothing = workshop.run("app", "set", "shop")
    assert nothing.exit_code == 2
    assert "Name at least one field" in nothing.stderr


def test_a_paused_policy_keeps_its_flags_and_says_who_paused_it(workshop: Workshop) -> None:
    workshop.controller = False
    workshop.run("app", "set", "shop", "--sync-policy", "automated", "--auto-prune", "--self-heal")
    workshop.clock.forward(60)
    result = workshop.run("app", "set", "shop", "--sync-policy", "manual")
    assert result.stderr == "Its sync policy is Paused now.\n"
    body = body_of(workshop)
    assert body["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True, "enabled": False}
    assert body["metadata"]["annotations"]["todoke.dev/policy-set-by"] == "taro 2026-03-01T12:01:00Z"
    workshop.run("app", "set", "shop", "--sync-policy", "automated")
    assert body_of(workshop)["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def test_set_asks_which_of_many_sources(workshop: Workshop) -> None:
    workshop.controller = False
    sources = [{"repoURL": URL, "path": "a"}, {"repoURL": URL, "path": "b", "ref": "values"}]
    workshop.applications.merge("shop", {"spec": {"source": None, "sources": sources}})
    result = workshop.run("app", "set", "shop", "--path", "c")
    assert "it has 2 sources. Say which one with --source-position 1 to 2" in result.stderr
    assert workshop.run("app", "set", "shop", "--path", "c", "--source-position", "2").exit_code == 0
    assert body_of(workshop)["spec"]["sources"][1] == {"repoURL": URL, "path": "c", "ref": "values"}


def test_sync_waits_and_says_what_was_done(workshop: Workshop) -> None:
    result = workshop.run("app", "sync", "shop")
    assert result.exit_code == 0
    assert result.stdout == text("""
        KIND        NAMESPACE  NAME      RESULT  MESSAGE
        ConfigMap   shop       settings  Synced  created
        Deployment  shop       web       Synced  created
        shop: Succeeded: successfully synced (2 changes)
    """)
    operation = body_of(workshop)["status"]["operationState"]["operation"]
    assert operation["initiatedBy"] == {"username": "taro"}
    assert "operation" not in body_of(workshop)


def test_sync_that_fails_ends_with_1(workshop: Workshop) -> None:
    workshop.push({"deploy/settings.yaml": SETTINGS.replace("blue", "5")})
    result = workshop.run("app", "sync", "shop")
    assert result.exit_code == 1
    assert "shop: Failed: ConfigMap/shop/settings: failed to create typed patch object" in result.stdout


def test_sync_of_one_resource(workshop: Workshop) -> None:
    assert workshop.run("app", "sync", "shop", "--resource", ":ConfigMap:settings").exit_code == 0
    assert {key.kind for key in workshop.cluster.store.bodies} == {"Namespace", "ConfigMap"}
    assert workshop.run("app", "sync", "shop", "--resource", "ConfigMap").exit_code == 2


def test_sync_is_refused_while_one_is_running(workshop: Workshop) -> None:
    workshop.controller = False
    assert workshop.run("app", "sync", "shop", "--async").stdout == "shop: sync asked for\n"
    result = workshop.run("app", "sync", "shop")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: Application/shop: a sync is running: asked for by taro. "
        "Wait for it with `todoke app wait shop --operation`\n"
    )


def test_sync_says_when_nobody_takes_it_up(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.controller = False
    monkeypatch.setattr(requests, "_UNHEARD_SECONDS", -1.0)
    result = workshop.run("app", "sync", "shop", "--timeout", "0.1")
    assert result.exit_code == 1
    assert "nobody has begun it yet. Is `todoke serve` running" in result.stderr
    assert "error: Application/shop: after 0 s: the sync has not ended" in result.stderr


def test_sync_that_comes_to_nothing(workshop: Workshop) -> None:
    workshop.applications.merge("shop", {"spec": {"source": {"path": "nowhere"}}})
    result = workshop.run("app", "sync", "shop")
    assert result.exit_code == 1
    assert "no such folder" in result.stdout + result.stderr


def test_sync_of_an_automatic_application_goes_to_its_branch_only(workshop: Workshop) -> None:
    deployed(workshop, automated=True)
    result = workshop.run("app", "sync", "shop", "--revision", "d8e64541")
    assert result.exit_code == 1
    assert "it follows its branch by itself" in result.stderr
    assert "todoke app rollback shop" in result.stderr


def test_deletions_need_a_yes_where_nobody_can_be_asked(workshop: Workshop) -> None:
    deployed(workshop)
    workshop.push({"deploy/settings.yaml": None})
    result = workshop.run("app", "sync", "shop", "--prune")
    assert result.exit_code == 1
    assert result.stderr.endswith(
        "error: this would delete ConfigMap/shop/settings. Nobody can be asked here: look at it first, then add --yes\n"
    )
    assert "operation" not in body_of(workshop)
    done = workshop.run("app", "sync", "shop", "--prune", "--yes")
    assert done.exit_code == 0
    assert "ConfigMap  shop       settings  Pruned" in done.stdout


@pytest.mark.usefixtures("terminal")
def test_a_person_sees_the_plan_and_is_asked_before_deletions(workshop: Workshop) -> None:
    first = workshop.run("app", "sync", "shop")
    assert "shop at d8e64541: 2 to create" in first.stderr
    assert "Delete" not in first.stderr
    workshop.settle()
    workshop.push({"deploy/settings.yaml": None})
    no = workshop.run("app", "sync", "shop", "--prune", typed="n\n")
    assert no.exit_code == 1
    assert "Delete 1 object (ConfigMap/shop/settings)? [y/N]" in no.stderr
    assert "Nothing was done." in no.stderr
    assert workshop.run("app", "sync", "shop", "--prune", typed="y\n").exit_code == 0


def test_wait(workshop: Workshop) -> None:
    workshop.run("app", "sync", "shop", "--async")
    done = workshop.run("app", "wait", "shop", "--timeout", "5")
    assert (done.exit_code, done.stdout) == (0, "shop: Synced, Healthy\n")
    late = workshop.run("app", "wait", "shop", "--suspended", "--timeout", "0.1")
    assert late.exit_code == 1
    assert "error: Application/shop: after 0 s: its health is Healthy" in late.stderr
    assert workshop.run("app", "wait", "nobody").exit_code == 1


def test_refresh_waits_until_somebody_looked(workshop: Workshop) -> None:
    assert workshop.run("app", "refresh", "shop", "--hard").stdout.startswith("shop: OutOfSync, Missing")
    workshop.controller = False
    late = workshop.run("app", "refresh", "shop", "--timeout", "0.1")
    assert late.exit_code == 1
    assert "nobody has looked at it. Is `todoke serve` running?" in late.stderr


def test_rollback_by_hand_deploys_the_release_before(workshop: Workshop) -> None:
    deployed(workshop)
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")})
    deployed(workshop)
    workshop.push({"other/file.yaml": "a: 1"}, "concerns another application")
    dry = workshop.run("app", "rollback", "shop", "--dry-run")
    assert dry.stdout == "shop: deploys d8e64541 again instead of 94e849b5\n"
    assert workshop.run("app", "rollback", "shop").exit_code == 0
    (fact,) = [event for event in workshop.ledger.events if isinstance(event, Undone)]
    assert (fact.bad[:8], fact.good[:8], fact.commit, fact.by) == ("94e849b5", "d8e64541", "", "taro")
    assert body_of(workshop)["status"]["history"][-1]["revision"].startswith("d8e64541")


def test_rollback_of_an_automatic_application_proposes_a_commit(workshop: Workshop) -> None:
    deployed(workshop, automated=True)
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:2"), "other/file": "kept"}, "bad release")
    workshop.settle()
    result = workshop.run("app", "rollback", "shop")
    assert result.exit_code == 0
    (request,) = workshop.source.pushed
    assert (request.branch, request.push_to, request.path) == ("main", f"todoke/undo-shop-{request.bad[:7]}", "deploy")
    assert "takes back" in result.stderr
    assert f"Open a pull request: https://forge.example/compare/main...{request.push_to}" in result.stdout
    assert not [event for event in workshop.ledger.events if isinstance(event, Undone)]


def test_rollback_push_follows_the_commit_to_healthy(workshop: Workshop) -> None:
    deployed(workshop, automated=True)
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")}, "bad release")
    workshop.settle()
    result = workshop.run("app", "rollback", "shop", "--push")
    assert result.exit_code == 0
    assert result.stdout.endswith("pushed to main\nshop: Synced, Healthy\n")
    (fact,) = [event for event in workshop.ledger.events if isinstance(event, Undone)]
    assert fact.commit == body_of(workshop)["status"]["sync"]["revision"]


def test_rollback_undoes_a_commit_that_cannot_even_be_compared(workshop: Workshop) -> None:
    deployed(workshop, automated=True)
    (files,) = [snapshot.files for snapshot in workshop.source.repositories[URL].commits.values()]
    workshop.push({path: None for path in files if path.startswith("deploy/")}, "bad release")
    workshop.settle()
    assert body_of(workshop)["status"]["sync"]["status"] == "Unknown"
    result = workshop.run("app", "rollback", "shop", "--push")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.endswith("pushed to main\nshop: Synced, Healthy\n")


def test_rollback_reports_conflicts_with_their_paths(workshop: Workshop) -> None:
    deployed(workshop, automated=True)
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")}, "bad release")
    workshop.settle()
    workshop.controller = False
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:3")}, "later change")
    direct = workshop.run("app", "rollback", "shop", "--push")
    assert direct.exit_code == 1
    assert "undoing would conflict with later changes in deploy/web.yaml" in direct.stderr
    proposed = workshop.run("app", "rollback", "shop", "--to-branch", "fix/undo")
    assert proposed.exit_code == 1
    assert "pushed to fix/undo" in proposed.stdout
    assert "these files hold conflict markers, mend them before you merge: deploy/web.yaml" in proposed.stderr


def test_rollback_refuses_what_cannot_be_undone(workshop: Workshop) -> None:
    deployed(workshop, automated=True)
    assert "its history has no earlier release" in workshop.run("app", "rollback", "shop").stderr
    assert "its history has no entry 7" in workshop.run("app", "rollback", "shop", "7").stderr
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")}, "bad release")
    workshop.settle()
    workshop.controller = False
    workshop.source.repositories[URL].read_only = True
    assert "the login may not write" in workshop.run("app", "rollback", "shop", "--push").stderr
    workshop.source.tag(URL, "v1", workshop.source.repositories[URL].branches["main"])
    workshop.run("app", "set", "shop", "--revision", "v1")
    assert '"v1" is a tag' in workshop.run("app", "rollback", "shop", "--push").stderr
    workshop.run("app", "set", "shop", "--sync-policy", "manual")
    assert "it is synced by hand, so no commit is made" in workshop.run("app", "rollback", "shop", "--push").stderr
    assert workshop.run("app", "rollback", "shop", "--push", "--to-branch", "x").exit_code == 2


def test_delete_lists_and_asks(workshop: Workshop) -> None:
    deployed(workshop)
    listed = text("""
        delete  Application/shop
        delete  ConfigMap/shop/settings
        delete  Deployment/shop/web
    """)
    assert workshop.run("app", "delete", "shop", "--dry-run").stdout == listed
    refused = workshop.run("app", "delete", "shop")
    assert refused.exit_code == 1
    assert "this would delete the application shop and its 2 objects" in refused.stderr
    done = workshop.run("app", "delete", "shop", "--yes")
    assert (done.exit_code, done.stdout) == (0, "application.argoproj.io/shop deleted\n")
    assert {key.kind for key in workshop.cluster.store.bodies} == {"Namespace"}


def test_delete_without_cascade_leaves_the_objects(workshop: Workshop) -> None:
    deployed(workshop)
    finalizers = ["example.org/theirs", "resources-finalizer.argocd.argoproj.io"]
    workshop.applications.merge("shop", {"metadata": {"finalizers": finalizers}})
    workshop.controller = False
    assert workshop.run("app", "delete", "shop", "--cascade", "none", "--yes", "--async").exit_code == 0
    assert body_of(workshop)["metadata"]["finalizers"] == ["example.org/theirs"]
    assert "Deployment" in {key.kind for key in workshop.cluster.store.bodies}


@pytest.mark.parametrize(
    "words", [("sync",), ("refresh",), ("rollback",), ("delete", "--yes"), ("set", "--revision", "v2")]
)
def test_what_another_tool_delivers_is_only_read(workshop: Workshop, words: tuple[str, ...]) -> None:
    source = {"repoURL": URL, "path": "deploy"}
    destination = {"server": "https://kubernetes.default.svc", "namespace": "shop"}
    spec = {"project": "default", "source": source, "destination": destination}
    before = workshop.applications.put({"metadata": {"name": "far", "namespace": "argocd"}, "spec": spec})
    verb, *flags = words
    result = workshop.run("app", verb, "argocd/far", *flags)
    assert result.exit_code == 1
    assert "this installation only reads it" in result.stderr
    assert workshop.applications.body("far", "argocd") == before.body
    assert workshop.run("app", "plan", "argocd/far").exit_code == 0


def test_create_elsewhere_bears_our_mark(workshop: Workshop) -> None:
    assert workshop.run("app", "create", "team-a/cart", *CREATE[3:]).exit_code == 0
    marks = workshop.applications.body("cart", "team-a")["metadata"]["annotations"]
    assert marks == {"todoke.dev/managed-by": "todoke", "argocd.argoproj.io/skip-reconcile": "true"}
    assert workshop.run("app", "sync", "team-a/cart").exit_code == 0


def test_an_observed_application_is_not_synced(workshop: Workshop) -> None:
    workshop.applications.merge("shop", {"metadata": {"annotations": {"todoke.dev/observe": "true"}}})
    result = workshop.run("app", "sync", "shop")
    assert result.exit_code == 1
    assert "it is only observed" in result.stderr


@pytest.mark.usefixtures("terminal")
def test_a_sync_does_not_need_a_plan_that_nobody_needs(workshop: Workshop) -> None:
    """A person whose machine does not reach the repository can still ask the controller, who does."""
    workshop.reached = FakeSource()
    workshop.reached.down.add(URL)
    assert workshop.run("app", "sync", "shop", "--prune").exit_code == 1
    result = workshop.run("app", "sync", "shop")
    assert result.exit_code == 0
    assert "note: there is no plan to show" in result.stderr
