"""The real engines behind the pool: what they render and look at, and what hostile repositories get out of them."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from tests.render.worker.conftest import Commits, Files, Link, Pools, Submodule
from todoke.model.trees import Found
from todoke.render.worker import EngineFailed, Workers
from todoke.source.tree import CommitTree

pytestmark = pytest.mark.slow

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"
CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"


def kustomize(path: str, **more: Any) -> dict[str, Any]:
    return {"engine": "kustomize", "path": path, "overlay": {}, "load_restrictions": True, "reorder": "legacy", **more}


def helm(path: str, **more: Any) -> dict[str, Any]:
    usual = {"release": "r", "namespace": "ns", "values": [], "include_crds": True}
    return {"engine": "helm", "path": path, **usual, **more}


def jsonnet(path: str, **more: Any) -> dict[str, Any]:
    return {"engine": "jsonnet", "path": path, "libs": [], "ext": {}, "tla": {}, **more}


def archive(files: Mapping[str, bytes | str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for path, data in files.items():
            body = data.encode() if isinstance(data, str) else data
            entry = tarfile.TarInfo(path)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
    return packed.getvalue()


def workers_of_this_process() -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "render-worker"], capture_output=True, check=True)
    return [int(pid) for pid in found.stdout.split()]


async def failure(pool: Workers, request: Mapping[str, Any], tree: CommitTree) -> str:
    with pytest.raises(EngineFailed) as caught:
        await pool.run(request, tree)
    return caught.value.text


def looks(output: Any) -> set[tuple[str, str]]:
    return {(look.path, look.intent) for look in output.looks}


# What they do


async def test_kustomize_renders_and_every_file_it_used_is_known(engines: Pools, commit: Commits):
    overlay = "resources: [../../base]\nnamePrefix: prod-\nconfigMapGenerator: [{name: env, files: [env.txt]}]\n"
    tree = commit(
        {
            "base/kustomization.yaml": "resources: [config.yaml]\n",
            "base/config.yaml": CONFIG,
            "apps/prod/kustomization.yaml": overlay,
            "apps/prod/env.txt": "x=1",
            "apps/prod/README.md": "not used",
        }
    )
    output = await engines().run(kustomize("apps/prod"), tree)
    names = [document["metadata"]["name"] for document in yaml.safe_load_all(output.data)]
    assert [name.rpartition("-")[0] or name for name in names] == ["prod-env", "prod"]
    read = {path for path, intent in looks(output) if intent == "read"}
    assert {
        "apps/prod/kustomization.yaml",
        "apps/prod/env.txt",
        "base/kustomization.yaml",
        "base/config.yaml",
    } <= read
    assert not any(path.endswith("README.md") for path, _ in looks(output))
    assert not any(intent == "tree" for _, intent in looks(output))


async def test_kustomize_sees_an_overlay_in_a_files_place(engines: Pools, commit: Commits):
    tree = commit({"a/kustomization.yaml": "resources: [config.yaml]\n", "a/config.yaml": CONFIG})
    given = {"a/kustomization.yaml": "resources: [config.yaml]\nnameSuffix: -x\n"}
    output = await engines().run(kustomize("a", overlay=given), tree)
    assert yaml.safe_load(output.data)["metadata"]["name"] == "settings-x"
    assert ("a/kustomization.yaml", "read") not in looks(output)


async def test_kustomize_follows_links_as_a_file_system_does(engines: Pools, commit: Commits):
    tree = commit(
        {
            "a/kustomization.yaml": "resources: [link]\n",
            "a/link": Link("../deep/down/base"),
            "deep/down/base/kustomization.yaml": "resources: [../near]\n",
            "deep/down/near/kustomization.yaml": "resources: [config.yaml]\n",
            "deep/down/near/config.yaml": CONFIG,
        }
    )
    output = await engines().run(kustomize("a"), tree)
    assert yaml.safe_load(output.data)["metadata"]["name"] == "settings"


async def test_helm_renders_and_looks_at_its_chart_alone(engines: Pools, commit: Commits):
    tree = commit(
        {
            "charts/shop/Chart.yaml": CHART,
            "charts/shop/values.yaml": "replicas: 1\n",
            "charts/shop/templates/a.yaml": CONFIG.replace("a: b", "n: {{ .Values.replicas | quote }}"),
            "charts/shop/shared": Link("../../shared"),
            "shared/x.txt": "x",
            "other/a.txt": "",
        }
    )
    output = await engines().run(helm("charts/shop", values=["replicas: 3\n"]), tree)
    assert output.data.startswith(b"---\n# Source: shop/templates/a.yaml\n")
    assert yaml.safe_load(output.data)["data"] == {"n": "3"}
    assert looks(output) == {("charts/shop", "tree"), ("charts/shop/shared", "tree")}


async def test_helm_names_the_dependencies_that_a_chart_lacks(engines: Pools, commit: Commits):
    redis = {"name": "redis", "version": "^20", "repository": "https://charts.example.com"}
    tree = commit({"c/Chart.yaml": CHART + f"dependencies: [{json.dumps(redis)}]\n", "c/templates/a.yaml": CONFIG})
    with pytest.raises(EngineFailed, match="redis") as caught:
        await engines().run(helm("c"), tree)
    assert caught.value.missing == (redis,)


async def test_jsonnet_renders_and_its_imports_are_known(engines: Pools, commit: Commits):
    main = "local lib = import 'lib.libsonnet'; function(n) lib + {n: n, e: std.extVar('e')}"
    tree = commit({"a/main.jsonnet": main, "vendor/lib.libsonnet": "{kind: 'ConfigMap'}", "vendor/other": ""})
    request = jsonnet("a/main.jsonnet", libs=["vendor"], ext={"e": ["x", False]}, tla={"n": ["1+1", True]})
    output = await engines().run(request, tree)
    assert json.loads(output.data) == {"kind": "ConfigMap", "n": 2, "e": "x"}
    assert looks(output) == {
        ("a/main.jsonnet", "read"),
        ("a/lib.libsonnet", "kind"),
        ("vendor/lib.libsonnet", "read"),
    }


async def test_templates_are_executed(engines: Pools, commit: Commits):
    request = {"engine": "template", "template": "{{ .name | upper }}", "data": {"name": "a"}, "options": []}
    output = await engines().run(request, commit({}))
    assert (output.data, output.looks) == (b"A", ())


async def test_one_process_serves_all_engines_and_its_versions_are_known(engines: Pools, commit: Commits):
    pool = engines()
    tree = commit({"a/kustomization.yaml": "resources: [c.yaml]\n", "a/c.yaml": CONFIG, "m.jsonnet": "{}"})
    identity = await pool.identity()
    for request in (kustomize("a"), jsonnet("m.jsonnet"), kustomize("a")):
        await pool.run(request, tree)
    assert set(pool.versions) >= {"kustomize", "helm", "jsonnet"}
    assert await pool.identity() == identity


# What they must not do

ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
INCLUDE = '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}'


def chart(template: str, **more: Any) -> tuple[dict[str, Any], Files]:
    return helm("c", **more), {"c/Chart.yaml": CHART, "c/templates/a.yaml": template}


def many_files(count: int) -> bytes:
    """A chart with so many files, made faster than tarfile does; it fails in a template once it is read."""
    packed = gzip.decompress(archive({"c/Chart.yaml": CHART, "c/templates/a.yaml": '{{ fail "it was read" }}'}))
    blank = tarfile.TarInfo(f"c/files/{0:06}").tobuf()
    sums = int(blank[148:154], 8) - 6 * ord("0")
    start, end = blank[:8], blank[154:]
    names = [f"{number:06}".encode() for number in range(count)]
    headers = [start + name + blank[14:148] + b"%06o" % (sums + sum(name)) + end for name in names]
    return gzip.compress(b"".join(headers) + packed, 1)


BOMBS: dict[str, tuple[Callable[[], tuple[dict[str, Any], Files]], str]] = {
    "YAML aliases in a manifest": (
        lambda: (kustomize("a"), {"a/kustomization.yaml": "resources: [c.yaml]\n", "a/c.yaml": CONFIG + ALIASES}),
        "Kustomize .* and was ended",
    ),
    "YAML aliases in a kustomization": (
        lambda: (kustomize("a"), {"a/kustomization.yaml": ALIASES}),
        "excessive aliasing",
    ),
    "YAML aliases in values": (lambda: chart("{{ toYaml .Values.a9 }}", values=[ALIASES]), "excessive aliasing"),
    "a long string": (
        lambda: (jsonnet("m.jsonnet"), {"m.jsonnet": "std.repeat('a', 1e9)"}),
        "Jsonnet needed more than 256 MiB of memory and was ended",
    ),
    "a long loop": (
        lambda: chart("{{ range until 99999 }}" * 3 + "{{ end }}" * 3),
        "Helm took longer than 2 s and was ended",
    ),
    "a long list": (
        lambda: chart("{{ range until 100000000 }}x{{ end }}"),
        "Helm needed more than 256 MiB of memory and was ended",
    ),
    "an include of itself": (lambda: chart(INCLUDE), "error calling include"),
    "a template of itself": (lambda: chart(INCLUDE.replace("include", "template")), "maximum template depth"),
    "a base that is its own": (
        lambda: (
            kustomize("a"),
            {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"},
        ),
        "cycle detected",
    ),
    "an archive that unpacks to more than it may": (
        lambda: (helm("c.tgz"), {"c.tgz": archive({"c/Chart.yaml": CHART, "c/big": b"\0" * 110 * 2**20})}),
        "decompressed chart is larger than",
    ),
    "an archive of 100,000 files": (
        lambda: (helm("c.tgz"), {"c.tgz": many_files(100_000)}),
        "it was read|Helm .* and was ended",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_goes_off_in_its_own_process(engines: Pools, commit: Commits, bomb: str):
    planted, words = BOMBS[bomb]
    request, files = planted()
    pool = engines(seconds=2, processes=2)
    tree = commit({**files, "fine.jsonnet": "{a: 1}"})
    text, output = await asyncio.gather(failure(pool, request, tree), pool.run(jsonnet("fine.jsonnet"), tree))
    assert re.search(words, text)
    assert "goroutine" not in text
    assert json.loads(output.data) == {"a": 1}
    assert json.loads((await pool.run(jsonnet("fine.jsonnet"), tree)).data) == {"a": 1}


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/base?ref=main",
        "http://169.254.169.254/latest/meta-data",
        "git::https://127.0.0.1/a.git//base",
        "git@127.0.0.1:a/b.git",
        "ssh://git@127.0.0.1/a/b.git",
        "file:///etc/passwd",
        "github.com/kubernetes-sigs/kustomize//examples/helloWorld",
    ],
)
async def test_nothing_is_fetched_from_elsewhere(engines: Pools, commit: Commits, url: str):
    text = await failure(engines(), kustomize("a"), commit({"a/kustomization.yaml": f"resources: ['{url}']\n"}))
    assert f"not fetched by the render worker: {url}" in text


OUT = "leads out of the repository"
ESCAPES: dict[str, tuple[dict[str, Any], Files, str]] = {
    "a path": (kustomize("a"), {"a/kustomization.yaml": "resources: [../../etc/passwd]\n"}, OUT),
    "an absolute path": (kustomize("a"), {"a/kustomization.yaml": "resources: [/etc/passwd]\n"}, OUT),
    "a path without load restrictions": (
        kustomize("a", load_restrictions=False),
        {"a/kustomization.yaml": "configMapGenerator: [{name: x, files: [../../../../etc/passwd]}]\n"},
        OUT,
    ),
    "a link": (
        kustomize("a"),
        {"a/kustomization.yaml": "configMapGenerator: [{name: x, files: [p]}]\n", "a/p": Link("../../etc/passwd")},
        f"the symbolic link a/p -> ../../etc/passwd {OUT}",
    ),
    "a base behind a link": (
        kustomize("a"),
        {"a/kustomization.yaml": "resources: [b]\n", "a/b": Link("/etc")},
        f"the symbolic link a/b -> /etc {OUT}",
    ),
    "an import": (jsonnet("m.jsonnet"), {"m.jsonnet": "importstr '../../etc/passwd'"}, "couldn't open import"),
    "an absolute import": (jsonnet("m.jsonnet"), {"m.jsonnet": "importstr '/etc/passwd'"}, "couldn't open import"),
    "an import of a link": (
        jsonnet("m.jsonnet"),
        {"m.jsonnet": "importstr 'p'", "p": Link("/etc/passwd")},
        f"the symbolic link p -> /etc/passwd {OUT}",
    ),
    "a link in a chart": (
        helm("c"),
        {"c/Chart.yaml": CHART, "c/templates/a.yaml": '{{ .Files.Get "p" }}', "c/p": Link("../../etc/passwd")},
        f"the symbolic link c/p -> ../../etc/passwd {OUT}",
    ),
    "a chart": (helm("../c"), {"a": ""}, OUT),
    "names in an archive": (
        helm("c.tgz"),
        {"c.tgz": archive({"c/Chart.yaml": CHART, "c/../../etc/passwd": "x", "c/templates/a.yaml": CONFIG})},
        "illegally references parent directory",
    ),
    "a submodule": (
        kustomize("a"),
        {"a/kustomization.yaml": "resources: [../sub]\n", "sub": Submodule()},
        "sub is a submodule that .gitmodules does not name",
    ),
    "Git LFS": (
        helm("c"),
        {"c/Chart.yaml": CHART, "c/templates/a.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"},
        "c/templates/a.yaml is stored in Git LFS, and its repository's Secret does not say enableLfs",
    ),
}


@pytest.mark.parametrize("escape", ESCAPES)
async def test_nothing_leads_out_of_the_tree(engines: Pools, commit: Commits, escape: str):
    request, files, words = ESCAPES[escape]
    assert words in await failure(engines(), request, commit(files))


async def test_two_hundred_failures_at_once_each_get_their_own_error(engines: Pools, commit: Commits):
    pool = engines(processes=2)

    async def fail(number: int) -> str:
        secret = f"secret-{number:03}"
        if number % 2:
            return await failure(pool, jsonnet("m.jsonnet"), commit({"m.jsonnet": f"error '{secret}'"}))
        request, files = chart(f'{{{{ fail "{secret}" }}}}')
        return await failure(pool, request, commit(files))

    texts = await asyncio.gather(*(fail(number) for number in range(200)))
    assert [re.findall(r"secret-\d+", text)[0] for text in texts] == [f"secret-{number:03}" for number in range(200)]
    assert all(len(set(re.findall(r"secret-\d+", text))) == 1 for text in texts)


async def test_functions_that_reach_out_of_a_chart_find_nothing(
    engines: Pools, commit: Commits, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SECRET_OF_TODOKE", "hunter2")
    request, files = chart('a: {{ lookup "v1" "Secret" "x" "y" | toJson }}\nb: "{{ getHostByName "localhost" }}"\n')
    output = await engines().run(request, commit(files))
    assert yaml.safe_load(output.data) == {"a": {}, "b": ""}
    for function in ('env "SECRET_OF_TODOKE"', 'expandenv "$SECRET_OF_TODOKE"'):
        request, files = chart(f"# {{{{ {function} }}}}")
        assert "not defined" in await failure(engines(), request, commit(files))


async def test_killed_in_mid_answer_the_rendering_is_done_once_more(engines: Pools, commit: Commits):
    pool = engines()
    tree = commit({"m.jsonnet": "import 'a.jsonnet'", "a.jsonnet": "{a: 1}"})
    await pool.identity()
    killed: list[int] = []

    class Deadly:
        def find(self, path: str, start: Found | None = None) -> Found:
            if path == "a.jsonnet" and not killed:
                killed.extend(workers_of_this_process())
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
            return tree.find(path, start)

        def __getattr__(self, name: str) -> Any:
            return getattr(tree, name)

    output = await pool.run(jsonnet("m.jsonnet"), Deadly())
    assert json.loads(output.data) == {"a": 1}
    assert len(killed) == 1
