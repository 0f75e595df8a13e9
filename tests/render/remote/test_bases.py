"""Remote bases of kustomizations: what is asked for, where it lies for the engine, and what it cannot reach."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_tree import Link
from tests.render.remote.conftest import MakeKitchen
from tests.render.remote.kitchen import World, config
from todoke.model.errors import Blocked, Unreachable
from todoke.model.remotes import RemoteBase
from todoke.render.elsewhere import MOST_REMOTES, MOST_ROUNDS
from todoke.render.worker import EngineFailed, Workers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

BASE = {"base/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: far-\n", "base/a.yaml": config("a")}
URL = "https://git.example.com/org/bases//base?ref=v1"
REPO = "https://git.example.com/org/bases"


def app(*resources: str, **more: str) -> dict[str, str]:
    """A kustomization with resources of its own and others."""
    lines = "".join(f"- {each!r}\n" for each in ("own.yaml", *resources))
    files = {name.replace("__", "/").replace("_", "."): text for name, text in more.items()}
    return {"app/kustomization.yaml": f"# mine\nresources:\n{lines}", "app/own.yaml": config("own"), **files}


FORMS = {
    "github.com/org/repo": ("https://github.com/org/repo", "", ""),
    "github.com/org/repo/a/b?ref=x": ("https://github.com/org/repo", "a/b", "x"),
    "https://github.com/org/repo//p?ref=x&submodules=false&timeout=9": ("https://github.com/org/repo", "p", "x"),
    "https://GitHub.com/org/repo?version=v2": ("https://github.com/org/repo", "", "v2"),
    "https://git.example.com/org/repo.git/a?ref=x": ("https://git.example.com/org/repo.git", "a", "x"),
    "https://git.example.com/a/b/c.git//p": ("https://git.example.com/a/b/c.git", "p", ""),
    "https://git.example.com/a/b/c": ("https://git.example.com/a/b", "c", ""),
    "git::https://git.example.com/org/repo//p": ("https://git.example.com/org/repo", "p", ""),
    "git@github.com:org/repo//p?ref=x": ("git@github.com:org/repo", "p", "x"),
    "git@git.example.com:org/repo.git": ("git@git.example.com:org/repo.git", "", ""),
    "ssh://git@git.example.com:2222/org/repo//p": ("ssh://git@git.example.com:2222/org/repo", "p", ""),
    "ssh://git@github.com/org/repo": ("git@github.com:org/repo", "", ""),
    "https://me@dev.azure.com/org/proj/_git/repo/a/b": ("https://me@dev.azure.com/org/proj/_git/repo", "a/b", ""),
    "file:///srv/git/repo": ("file:///srv/git/repo", "", ""),
    "https://git.example.com/one.yaml": ("", "", ""),
}


@pytest.mark.parametrize("url", FORMS)
async def test_a_url_is_read_as_kustomize_reads_it(kitchen: MakeKitchen, url: str) -> None:
    world = World()
    with pytest.raises(Blocked):
        await kitchen(world).render(app(url))
    (asked,) = world.asked
    assert (asked.repo, asked.path, asked.ref) == FORMS[url]
    assert asked.url == url


@pytest.mark.parametrize("entry", ["base@v1", "../github.com/org/repo", "git.example.com/org/repo", "a//b"])
async def test_what_is_no_url_is_a_path(kitchen: MakeKitchen, entry: str) -> None:
    world = World()
    with pytest.raises(Blocked, match="kustomize says"):
        await kitchen(world).render(app(entry))
    assert world.asked == []


async def test_a_remote_base_is_rendered_in_its_place(kitchen: MakeKitchen) -> None:
    world = World({REPO: BASE})
    rendering = await kitchen(world).render(app(URL))
    assert [each.key.name for each in rendering.manifests] == ["far-a", "own"]
    assert world.asked == [RemoteBase(URL, URL, REPO, "base", "v1")]
    assert {look.path for look in rendering.looks if look.intent == "read"} >= {
        "app/kustomization.yaml",
        "app/own.yaml",
    }
    assert not [look for look in rendering.looks if look.path.startswith(".git")]


async def test_all_that_one_kustomization_names_is_asked_for_at_once(kitchen: MakeKitchen) -> None:
    other = "https://git.example.com/org/more//base"
    patch = "https://git.example.com/patch.yaml"
    files = app(URL, other, "https://git.example.com/one.yaml", "../local")
    files["app/kustomization.yaml"] += f"patches: [{{path: '{patch}', target: {{kind: ConfigMap}}}}]\n"
    files |= {"local/kustomization.yaml": f"components: ['{REPO}//part']\n"}
    part = {
        "part/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnameSuffix: -p\n"
    }
    world = World(
        {REPO: {**BASE, **part}, "https://git.example.com/org/more": {**BASE, "base/a.yaml": config("more")}},
        {
            "https://git.example.com/one.yaml": config("one").encode(),
            patch: b'[{"op": "add", "path": "/data/patched", "value": "yes"}]',
        },
    )
    rendering = await kitchen(world).render(files)
    assert sorted(each.key.name for each in rendering.manifests) == ["far-a", "far-more", "one", "own"]
    assert all(each.body["data"]["patched"] == "yes" for each in rendering.manifests)
    assert len(world.asked) == 5


FIELDS = {
    "bases": "bases: [URL//p]",
    "components": "components: [URL//p]",
    "generators": "generators: [URL//p]",
    "transformers": "transformers: [URL//p]",
    "validators": "validators: [URL//p]",
    "files of the same lists": "transformers: [URL.yaml]",
    "aliases": "x: &l [URL//p]\nresources: *l",
    "configurations": "configurations: [URL.yaml]",
    "CRDs": "crds: [URL.yaml]",
    "schemas": "openapi: {path: URL.json}",
    "patches": "patches: [{path: URL.yaml}]",
    "old patches": "patchesStrategicMerge: [URL.yaml]",
    "files of a generator": "configMapGenerator: [{name: a, files: [a=URL.txt]}]",
    "variables of a generator": "secretGenerator: [{name: a, envs: [URL.env]}]",
    "replacements": "replacements: [{path: URL.yaml}]",
}


@pytest.mark.parametrize("field", FIELDS)
async def test_urls_are_asked_for_in_every_field_that_takes_them(kitchen: MakeKitchen, field: str) -> None:
    world = World()
    text = FIELDS[field].replace("URL", "https://git.example.com/org/r")
    with pytest.raises(Blocked):
        await kitchen(world).render({"app/kustomization.yaml": text})
    assert len(world.asked) == 1, text


async def test_a_remote_base_may_name_another(kitchen: MakeKitchen) -> None:
    chain = {
        f"https://git.example.com/org/r{number}": {
            "kustomization.yaml": f"resources: ['https://git.example.com/org/r{number + 1}?ref=main', a.yaml]\n",
            "a.yaml": config(f"a{number}"),
        }
        for number in range(100)
    }
    last = "https://git.example.com/org/last"
    chain[last] = {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config("last")}
    near = f"https://git.example.com/org/r{100 - MOST_ROUNDS + 1}"
    chain["https://git.example.com/org/r100"] = chain[last]
    assert "last" in await kitchen(World(chain)).names(app(f"{near}?ref=main"))
    world = World(chain)
    with pytest.raises(Blocked, match=f"more than {MOST_ROUNDS} deep"):
        await kitchen(world).render(app("https://git.example.com/org/r0?ref=main"))
    assert len(world.asked) == MOST_ROUNDS


async def test_a_base_that_names_itself_is_a_cycle(kitchen: MakeKitchen) -> None:
    world = World({REPO: {"base/kustomization.yaml": f"resources: ['{URL}']\n"}})
    with pytest.raises(Blocked, match="cycle detected"):
        await kitchen(world).render(app(URL))


async def test_too_many_are_refused(kitchen: MakeKitchen) -> None:
    world = World()
    urls = [f"https://git.example.com/org/r{number}" for number in range(MOST_REMOTES + 1)]
    with pytest.raises(Blocked, match=f"more than {MOST_REMOTES} things elsewhere"):
        await kitchen(world).render(app(*urls))
    assert world.asked == []


SECRET = {"secret.txt": "hidden", "app/own.txt": "mine"}
ESCAPES: dict[str, dict[str, Any]] = {
    "a file above it": {"base/kustomization.yaml": "configMapGenerator: [{name: x, files: [../../../secret.txt]}]\n"},
    "a file of the tree by its usual name": {
        "base/kustomization.yaml": "configMapGenerator: [{name: x, files: ['../../<tree>/secret.txt']}]\n"
    },
    "a mount by its path": {
        "base/kustomization.yaml": "configMapGenerator: [{name: x, files: ['../../../.git/todoke/0/base/a.yaml']}]\n"
    },
    "a base above it": {"base/kustomization.yaml": "resources: [../../app]\n"},
    "a link": {
        "base/kustomization.yaml": "configMapGenerator: [{name: x, files: [l]}]\n",
        "base/l": Link("../../secret.txt"),
    },
}


@pytest.mark.parametrize("options", ["", "--load-restrictor LoadRestrictionsNone"])
@pytest.mark.parametrize("escape", ESCAPES)
async def test_nothing_leads_out_of_a_remote_base(kitchen: MakeKitchen, escape: str, options: str) -> None:
    ours = kitchen(World({REPO: ESCAPES[escape]}))
    ours.options(options)
    with pytest.raises(Blocked) as caught:
        await ours.render({**app(URL), **SECRET})
    text = str(caught.value)
    assert "leads out of the repository" in text or "is not in or below" in text
    assert "hidden" not in text


async def test_without_load_restrictions_a_base_reads_all_of_its_own_repository(kitchen: MakeKitchen) -> None:
    far = {"base/kustomization.yaml": "configMapGenerator: [{name: x, files: [../t.txt]}]\n", "t.txt": "text"}
    ours = kitchen(World({REPO: far}))
    ours.options("--load-restrictor LoadRestrictionsNone")
    rendering = await ours.render(app(URL))
    assert [each.body["data"] for each in rendering.manifests if each.key.name.startswith("x")] == [{"t.txt": "text"}]


async def test_origin_annotations_name_the_repository(kitchen: MakeKitchen) -> None:
    files = app(URL)
    files["app/kustomization.yaml"] += "buildMetadata: [originAnnotations]\n"
    far = {**BASE, "base/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: g, literals: [a=b]}]\n"}
    made = {each.key.name[:1]: each.body for each in (await kitchen(World({REPO: far})).render(files)).manifests}
    origin = "config.kubernetes.io/origin"
    assert made["a"]["metadata"]["annotations"][origin] == f"path: base/a.yaml\nrepo: {REPO}\nref: v1\n"
    assert (
        f"repo: {REPO}\nref: v1\nconfiguredIn: base/kustomization.yaml\n"
        in made["g"]["metadata"]["annotations"][origin]
    )
    assert made["o"]["metadata"]["annotations"][origin] == "path: own.yaml\n"


async def test_errors_show_neither_a_password_nor_where_things_lie_here(kitchen: MakeKitchen) -> None:
    url = "https://me:s3cret@git.example.com/org/bases//base?ref=v1"
    world = World(
        {"https://me:s3cret@git.example.com/org/bases": {"base/kustomization.yaml": "resources: [no.yaml]\n"}}
    )
    with pytest.raises(Blocked) as caught:
        await kitchen(world).render(app(url))
    text = str(caught.value)
    assert "s3cret" not in text
    assert "<" not in text
    assert "git.example.com/org/bases/base/no.yaml" in text
    with pytest.raises(Blocked) as caught:
        await kitchen(World()).render(app(url), offline=True)
    assert "s3cret" not in str(caught.value)
    assert "offline" in str(caught.value)


async def test_a_failed_fetch_is_not_remembered(kitchen: MakeKitchen) -> None:
    world = World(fails=Blocked("Repository", "no login"))
    ours = kitchen(world)
    with pytest.raises(Blocked, match="no login"):
        await ours.render(app(URL))
    world.fails = Unreachable("Repository", "silent")
    with pytest.raises(Unreachable):
        await ours.render(app(URL))
    world.fails, world.repositories = None, {REPO: BASE}
    assert await ours.names(app(URL)) == ["far-a", "own"]


async def test_an_error_holds_no_address_of_memory(kitchen: MakeKitchen) -> None:
    files = app()
    files["app/kustomization.yaml"] += "configMapGenerator: [{name: own, literals: [a=b]}]\n"
    with pytest.raises(Blocked) as caught:
        await kitchen(World()).render(files)
    assert "0x" not in str(caught.value)
    assert "own" in str(caught.value)
    assert "behavior must be merge or replace" in str(caught.value)


async def test_the_worker_itself_fetches_nothing(workers: Workers) -> None:
    from tests.fake_tree import FakeTree

    request = {"engine": "kustomize", "path": "app", "load_restrictions": True, "reorder": "legacy"}
    with pytest.raises(EngineFailed, match="not fetched by the render worker") as caught:
        await workers.run(request, FakeTree(app(URL)))
    assert [each["url"] for each in caught.value.wanted] == [URL]
