"""`todoke diff`: what a branch would change in every application, by the real engines, in a real clone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.review.conftest import URL, Project, application, config_map
from tests.source.test_clone import git

CHART = {
    "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "charts/shop/values.yaml": "colour: blue\n",
    "charts/shop/templates/all.yaml": """
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}, labels: {helm.sh/chart: "shop-{{ .Chart.Version }}"}}
stringData: {colour: {{ .Values.colour }}, other: geheim}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-fixed, labels: {helm.sh/chart: "shop-{{ .Chart.Version }}"}}
data: {a: b}
""",
}
KUSTOMIZATION = {
    "base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: conf, literals: [a=1]}]\n",
    "base/web.yaml": config_map("web", x="1"),
    "overlays/production/kustomization.yaml": "resources: [../../base]\nnamespace: production\n",
}


def test_the_whole_of_a_branch(project: Project) -> None:
    apps = application("shop", "charts/shop") + application("production", "overlays/production")
    project.commit({**CHART, **KUSTOMIZATION, "apps/all.yaml": apps, "plain/a.yaml": config_map("a")})
    project.branch("topic")
    project.commit({"charts/shop/values.yaml": "colour: red\n", "base/web.yaml": config_map("web", x="2")})
    assert project.changes("--base", "main", "--head", "topic") == {
        "production": ["changed", "changed ConfigMap/web"],
        "shop": ["changed", "changed Secret/shop"],
    }
    assert project.diff("--base", "main", "--head", "topic", code=1)["differs"] is True
    assert project.diff("--base", "main", "--head", "main", code=0)["differs"] is False


def test_the_working_copy_is_the_default(project: Project) -> None:
    project.commit({"app/a.yaml": config_map("a", x="1"), "apps.yaml": application("shop", "app")})
    assert project.changes() == {}
    project.write({"app/a.yaml": config_map("a", x="2"), "app/new.yaml": config_map("new")})
    assert project.changes() == {"shop": ["changed", "changed ConfigMap/a", "added ConfigMap/new"]}
    assert git(project.folder, "status", "--porcelain") == "M app/a.yaml\n?? app/new.yaml"


def test_what_main_did_meanwhile_is_not_the_branch_s_doing(project: Project) -> None:
    project.commit(
        {"app/a.yaml": config_map("a"), "app/b.yaml": config_map("b"), "apps.yaml": application("shop", "app")}
    )
    project.branch("topic")
    project.commit({"app/a.yaml": config_map("a", mine="1")})
    git(project.folder, "checkout", "-q", "main")
    project.commit({"app/b.yaml": config_map("b", theirs="1")})
    assert project.changes("--base", "main", "--head", "topic") == {"shop": ["changed", "changed ConfigMap/a"]}
    exact = project.changes("--base", "main", "--head", "topic", "--exact")
    assert exact == {"shop": ["changed", "changed ConfigMap/a", "changed ConfigMap/b"]}


def test_applications_come_go_and_hand_objects_over(project: Project) -> None:
    project.commit({"one/a.yaml": config_map("a", x="1"), "apps.yaml": application("one", "one")})
    project.write({"one/a.yaml": None, "two/a.yaml": config_map("a", x="1"), "apps.yaml": application("two", "two")})
    assert project.changes() == {
        "one": ["removed", "moved away ConfigMap/a"],
        "two": ["added", "moved here ConfigMap/a"],
    }


def test_a_setting_of_an_application_counts_as_a_change_of_what_it_renders(project: Project) -> None:
    project.commit({**KUSTOMIZATION, "apps.yaml": application("web", "overlays/production")})
    source = {"kustomize": {"namePrefix": "my-", "nameSuffix": ""}}
    project.write({"apps.yaml": application("web", "overlays/production", source=source)})
    assert project.changes()["web"][0] == "changed"
    project.write({"apps.yaml": application("web", "overlays/production", project="other")})
    assert project.changes() == {}


def test_kustomizations_that_no_application_names_and_their_bases(project: Project) -> None:
    project.commit(KUSTOMIZATION)
    project.write({"base/web.yaml": config_map("web", x="3")})
    assert project.changes() == {"overlays/production": ["changed", "changed ConfigMap/web"]}


def test_application_sets_and_what_applications_render(project: Project) -> None:
    template = json.loads(application("team-{{ .path.basename }}", "{{ .path.path }}").removeprefix("---\n"))
    generator = {"git": {"repoURL": URL, "revision": "HEAD", "directories": [{"path": "teams/*"}]}}
    spec = {"goTemplate": True, "generators": [generator], "template": {k: template[k] for k in ("metadata", "spec")}}
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": {"name": "teams"}, "spec": spec}
    children = {"root/set.yaml": json.dumps(body), "root/more.yaml": application("child", "child")}
    project.commit({
        **children,
        "bootstrap/kustomization.yaml": "resources: [root.yaml]\n",
        "bootstrap/root.yaml": application("root", "root"),
        "teams/a/a.yaml": config_map("a"),
        "child/c.yaml": config_map("c"),
    })  # fmt: skip
    project.write({"teams/b/b.yaml": config_map("b"), "child/c.yaml": config_map("c", x="1")})
    assert project.changes() == {
        "child": ["changed", "changed ConfigMap/c"],
        "team-b": ["added", "added ConfigMap/b"],
    }


def test_applications_that_a_chart_renders_are_followed(project: Project) -> None:
    project.commit({
        "boot/Chart.yaml": "apiVersion: v2\nname: boot\nversion: 1.0.0\n",
        "boot/templates/apps.yaml": application("made-by-{{ .Release.Name }}", "made").removeprefix("---\n"),
        "apps.yaml": application("boot", "boot"),
        "made/m.yaml": config_map("m"),
    })  # fmt: skip
    project.write({"made/m.yaml": config_map("m", x="1")})
    assert project.changes() == {"made-by-boot": ["changed", "changed ConfigMap/m"]}


def test_revisions_that_an_application_names(project: Project) -> None:
    project.commit({"app/a.yaml": config_map("a", x="1")})
    git(project.folder, "tag", "v1")
    apps = [application("pinned", "app", source={"targetRevision": "v1"}), application("free", "app")]
    apps.append(application("strange", "app", source={"targetRevision": "who-knows"}))
    project.commit({"apps.yaml": "".join(apps)})
    project.branch("topic")
    project.commit({"app/a.yaml": config_map("a", x="2")})
    assert set(project.changes("--head", "topic")) == {"free", "strange"}


def test_a_side_that_does_not_render_is_told_and_ends_in_2(project: Project) -> None:
    project.commit({**CHART, "apps.yaml": application("shop", "charts/shop")})
    project.write({"charts/shop/templates/all.yaml": "{{ fail `no luck` }}"})
    result = project.run("diff")
    assert result.exit_code == 2
    assert "not rendered: head: " in result.output
    assert "no luck" in result.output
    project.commit()
    project.write({"charts/shop/templates/all.yaml": CHART["charts/shop/templates/all.yaml"]})
    assert project.run("diff").exit_code == 0, "what the branch mends is no fault of it"


def test_values_of_secrets_stay_secret_in_every_format(project: Project) -> None:
    project.commit({**CHART, "apps.yaml": application("shop", "charts/shop")})
    project.write({"charts/shop/values.yaml": "colour: red\n"})
    for output in ("text", "markdown", "json"):
        said = project.run("diff", "-o", output).output
        assert "colour" in said
        for secret in ("geheim", "red", "blue"):
            assert secret not in said, output


def test_a_new_chart_version_alone_is_one_line(project: Project) -> None:
    project.commit({**CHART, "apps.yaml": application("shop", "charts/shop")})
    project.write({"charts/shop/Chart.yaml": CHART["charts/shop/Chart.yaml"].replace("1.0.0", "1.0.1")})
    text = project.run("diff").output
    assert "2 objects differ only in label helm.sh/chart" in text
    assert "1 of 1 application changes: objects 2 with chart labels or checksums only." in text


def test_sources_elsewhere_are_named_and_do_not_fail(project: Project) -> None:
    elsewhere = application("redis", "x", source={"repoURL": "https://charts.example.com", "chart": "redis"})
    ssh = application("same", "app", source={"repoURL": "git@git.example.com:acme/shop.git"})
    project.commit({"apps.yaml": elsewhere + ssh, "app/a.yaml": config_map("a")})
    project.write({"app/a.yaml": config_map("a", x="1")})
    result = project.run("diff", "--offline")
    assert result.exit_code == 1
    assert "1 of other repositories is not rendered: redis" in result.output
    assert "same  apps.yaml" in result.output


def test_paths_narrow_it(project: Project) -> None:
    project.commit({
        "one/a.yaml": config_map("a"), "two/b.yaml": config_map("b"),
        "apps/one.yaml": application("one", "one"), "apps/two.yaml": application("two", "two"),
    })  # fmt: skip
    project.write({"one/a.yaml": config_map("a", x="1"), "two/b.yaml": config_map("b", x="1")})
    assert set(project.changes("one")) == {"one"}
    assert set(project.changes("apps/two.yaml")) == {"two"}
    assert set(project.changes(".")) == {"one", "two"}
    result = project.run("diff", "/etc")
    assert (result.exit_code, "is not in the clone" in result.output) == (2, True)


def test_a_comment_stays_within_its_limit_and_breaks_out_of_nothing(project: Project) -> None:
    names = [f"app-{number:02d}" for number in range(12)]
    project.commit({"apps.yaml": "".join(application(name, name) for name in names)}
                   | {f"{name}/a.yaml": config_map("a", text="x") for name in names})  # fmt: skip
    evil = "```\n</details>\n# gone\n" + "y\n" * 200
    project.write({f"{name}/a.yaml": config_map("a", text=evil) for name in names})
    comment = project.run("diff", "-o", "markdown", "--limit", "4000").stdout
    assert len(comment) <= 4000
    assert "12 of 12 applications change" in comment
    assert "too long to be shown here" in comment
    long = project.run("diff", "-o", "markdown").stdout
    assert "````diff" in long
    assert "more lines" in long


def test_mistakes_are_told(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.commit({"a.yaml": config_map("a")})
    result = project.run("diff", "--base", "mian")
    assert result.exit_code == 2
    assert 'revision "mian" not found (there are: main)' in result.output
    monkeypatch.chdir(tmp_path)
    result = project.run("diff")
    assert (result.exit_code, "is not in a Git repository" in result.output) == (2, True)
