"""Commands that only look: their words on fakes, character by character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import SETTINGS, WEB, Workshop, text
from todoke.model.errors import Blocked
from todoke.model.objects import ObjectKey

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\ndata: {word: c2VjcmV0}\n"
DEPLOYMENT = ObjectKey("apps", "Deployment", "shop", "web")


def deployed(workshop: Workshop) -> None:
    assert workshop.run("app", "sync", "shop").exit_code == 0
    workshop.settle()


def test_list(workshop: Workshop) -> None:
    deployed(workshop)
    workshop.application("cart", path="cart", syncPolicy={"automated": {"prune": True, "enabled": False}})
    result = workshop.run("app", "list")
    assert result.stdout == text("""
        NAMESPACE  NAME  SYNC     HEALTH   REVISION  POLICY  PROJECT
        todoke     cart  Unknown  Unknown            Paused  default
        todoke     shop  Synced   Healthy  d8e64541  Manual  default
    """)
    assert workshop.run("app", "list", "-o", "name", "-r", "https://elsewhere").stdout == ""
    assert workshop.run("app", "list", "-l", "team=shop").stderr == "No applications in the namespace todoke.\n"
    names = [item["metadata"]["name"] for item in json.loads(workshop.run("app", "list", "-o", "json").stdout)["items"]]
    assert names == ["cart", "shop"]


def test_list_in_all_namespaces(workshop: Workshop) -> None:
    workshop.applications.put({"metadata": {"name": "far", "namespace": "team-a"}, "spec": {}})
    assert workshop.run("app", "list", "-o", "name").stdout == "application.argoproj.io/shop\n"
    assert "team-a     far" in workshop.run("app", "list", "-A").stdout
    assert "Name:        team-a/far" in workshop.run("app", "get", "team-a/far").stdout


def test_get(workshop: Workshop) -> None:
    deployed(workshop)
    assert workshop.run("app", "get", "shop", "-o", "wide").stdout == text("""
        Name:        todoke/shop
        Project:     default
        Source:      https://git.example.com/shop.git deploy
        Follows:     main
        Destination: in-cluster/shop
        Policy:      Manual
        Sync:        Synced d8e64541
        Health:      Healthy
        Last sync:   Succeeded: successfully synced (2 changes) 2026-03-01T12:00:00Z

        KIND        NAMESPACE  NAME      SYNC    HEALTH
        ConfigMap   shop       settings  Synced
        Deployment  shop       web       Synced  Healthy
    """)
    assert yaml.safe_load(workshop.run("app", "get", "shop", "-o", "yaml").stdout)["kind"] == "Application"


def test_an_unknown_name_suggests_near_ones(workshop: Workshop) -> None:
    result = workshop.run("app", "get", "shp")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: Application/shp: not found in the namespace todoke. Did you mean shop?\n"


def test_plan_of_a_first_delivery(workshop: Workshop) -> None:
    assert workshop.run("app", "plan", "shop").stdout == text("""
        shop at d8e64541: 2 to create

        WAVE  ACTION  OBJECT                   REASON
        0     create  ConfigMap/shop/settings  not in the cluster
        0     create  Deployment/shop/web      not in the cluster
    """)


def test_plan_says_what_the_guard_holds(workshop: Workshop) -> None:
    deployed(workshop)
    workshop.push({"deploy/web.yaml": None, "deploy/settings.yaml": None, "deploy/one.yaml": SECRET})
    assert workshop.run("app", "plan", "shop", "--prune").stdout == text("""
        shop at 94e849b5: 1 to create, 2 to prune

        WAVE  ACTION  OBJECT                   REASON
        0     create  Secret/shop/login        not in the cluster
        0     prune   Deployment/shop/web      no longer in the source
        0     prune   ConfigMap/shop/settings  no longer in the source

        Held by the guard (look before you sync):
          it would delete 2 of 3 objects (more than 50 %)
    """)
    assert "2 left alone" in workshop.run("app", "plan", "shop").stdout


def test_plan_of_an_older_revision(workshop: Workshop) -> None:
    first = workshop.source.repositories["https://git.example.com/shop.git"].branches["main"]
    deployed(workshop)
    workshop.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")})
    plan = json.loads(workshop.run("app", "plan", "shop", "--revision", first[:8], "-o", "json").stdout)
    assert plan["revisions"] == [first]
    assert {step["action"] for step in plan["steps"]} == {"keep"}


def test_a_dry_run_that_is_refused_makes_a_plan_that_is_unconfirmed(workshop: Workshop) -> None:
    deployed(workshop)
    workshop.cluster.change(DEPLOYMENT, lambda body: body["spec"].update(replicas=5))
    refusal = Blocked("Deployment/shop/web", "you may not patch it", next_step="Grant this right")
    workshop.cluster.trouble = lambda verb, _key: refusal if verb == "dry run" else None
    workshop.controller = False
    result = workshop.run("app", "plan", "shop")
    assert result.exit_code == 0
    assert result.stdout == text("""
        shop at d8e64541: 1 to update, 1 in sync

        WAVE  ACTION  OBJECT               REASON
        0     update  Deployment/shop/web  differs at .spec.replicas
                                           unconfirmed: the server could not be asked

        Notes:
          Deployment/shop/web: you may not patch it. Grant this right
    """)


def test_diff_and_its_exit_codes(workshop: Workshop) -> None:
    deployed(workshop)
    same = workshop.run("app", "diff", "shop")
    assert (same.exit_code, same.stdout, same.stderr) == (0, "", "")
    workshop.push(
        {"deploy/web.yaml": WEB.replace("web:1", "web:2"), "deploy/settings.yaml": None, "deploy/l.yaml": SECRET}
    )
    other = workshop.run("app", "diff", "shop")
    assert other.exit_code == 1
    assert other.stdout == text("""
        === Secret/shop/login  create: not in the cluster
        + apiVersion: v1
        + kind: Secret
        + metadata:
        +   annotations:
        +     argocd.argoproj.io/tracking-id: shop:/Secret:shop/login
        +   name: login
        +   namespace: shop
        + data:
        +   word: ++++++++

        === Deployment/shop/web  update: differs at .spec.template.spec.containers[web].image
          .spec.template.spec.containers[web].image
        - web:1
        + web:2

        === ConfigMap/shop/settings  prune: no longer in the source
    """)
    workshop.source.down.add("https://git.example.com/shop.git")
    failed = workshop.run("app", "diff", "shop")
    assert failed.exit_code == 2
    assert failed.stderr.startswith("error: repository https://git.example.com/shop.git")
    assert workshop.run("app", "diff").exit_code == 2


def test_diff_with_a_folder_in_place_of_git(workshop: Workshop, tmp_path: Path) -> None:
    deployed(workshop)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "settings.yaml").write_text(SETTINGS)
    (tmp_path / "deploy" / "web.yaml").write_text(WEB)
    assert workshop.run("app", "diff", "shop", "--local", str(tmp_path)).exit_code == 0
    (tmp_path / "deploy" / "settings.yaml").write_text(SETTINGS.replace("blue", "red"))
    result = workshop.run("app", "diff", "shop", "--local", str(tmp_path))
    assert result.exit_code == 1
    assert ("- blue" in result.stdout, "+ red" in result.stdout) == (True, True)
    result = workshop.run("app", "diff", "shop", "--local", str(tmp_path), "--revision", "v1")
    assert (result.exit_code, "exclude each other" in result.output) == (2, True)


def test_diff_masks_the_values_of_secrets(workshop: Workshop) -> None:
    workshop.push({"deploy/login.yaml": SECRET})
    deployed(workshop)
    workshop.push({"deploy/login.yaml": SECRET.replace("c2VjcmV0", "b3RoZXI=")})
    shown = workshop.run("app", "diff", "shop").stdout
    assert "f:data" not in shown
    assert ".data.word" in shown
    assert "c2VjcmV0" not in shown
    assert "b3RoZXI=" not in shown


def test_manifests_of_git_and_of_the_cluster(workshop: Workshop) -> None:
    workshop.push({"deploy/login.yaml": SECRET})
    git = list(yaml.safe_load_all(workshop.run("app", "manifests", "shop").stdout))
    assert [body["kind"] for body in git] == ["Secret", "ConfigMap", "Deployment"]
    assert git[0]["data"] == {"word": "++++++++"}
    deployed(workshop)
    live = json.loads(workshop.run("app", "manifests", "shop", "--source", "live", "-o", "json").stdout)["items"]
    assert [body["kind"] for body in live] == ["ConfigMap", "Secret", "Deployment"]
    assert "managedFields" not in live[0]["metadata"]


def test_resources_tell_why_a_workload_is_sick(workshop: Workshop) -> None:
    deployed(workshop)
    uid = workshop.cluster.store.bodies[DEPLOYMENT]["metadata"]["uid"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid, "controller": True}
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    workshop.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "ownerReferences": [owner]},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "state": {"waiting": waiting}}]},
        }
    )
    workshop.applications.merge("shop", {"status": {"resources": [_sick()]}})
    workshop.controller = False
    shown = workshop.run("app", "resources", "shop").stdout
    assert shown.splitlines()[0] == "KIND        NAMESPACE  NAME  SYNC    HEALTH       MESSAGE"
    assert 'Deployment  shop       web   Synced  Progressing  1 of 2; Pod web-1: container "web": Image' in shown
    assert workshop.run("app", "resources", "shop", "-o", "name").stdout == "deployment.apps/web\n"


def _sick() -> dict[str, object]:
    health = {"status": "Progressing", "message": "1 of 2"}
    return {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "web",
        "status": "Synced",
        "health": health,
    }


def test_history_and_the_ledgers_story(workshop: Workshop) -> None:
    deployed(workshop)
    workshop.push({"deploy/settings.yaml": SETTINGS.replace("blue", "red")}, "second release")
    deployed(workshop)
    assert workshop.run("app", "history", "shop").stdout == text("""
        ID  DEPLOYED              REVISION  BY
        1   2026-03-01T12:00:00Z  83ee72f0  taro
        0   2026-03-01T12:00:00Z  d8e64541  taro
    """)
    story = workshop.run("app", "history", "shop", "--all").stdout
    assert "sync Succeeded  83ee72f0  taro  successfully synced (1 change)" in story
    facts = json.loads(workshop.run("app", "history", "shop", "--all", "-o", "json").stdout)
    assert {fact["type"] for fact in facts} == {"sync", "health"}


@pytest.mark.parametrize("colour", ["1", ""])
def test_colour_only_on_a_terminal_and_not_when_it_is_not_wanted(
    workshop: Workshop, colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from todoke.cli.app import root

    monkeypatch.setenv("NO_COLOR", colour)
    result = CliRunner().invoke(root, ["app", "list"], obj=workshop.doors(), color=True)
    assert ("\x1b[" in result.stdout) is (colour == "")
