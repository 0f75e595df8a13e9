"""Remote bases as `kubectl kustomize` itself clones and prints them, from a Git server on loopback."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.cluster.git_repo import Repo
from tests.cluster.git_server import GitServer
from tests.render.golden.judges import NotForThisMachine, judges
from tests.render.remote.kitchen import Kitchen, World, config
from tests.source.remote.conftest import Place
from todoke.render.cache import CachedRenderer
from todoke.render.renderer import Renderer
from todoke.render.worker import Workers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.judge]

FAR = {
    "base/kustomization.yaml": "resources: [a.yaml, ../other]\nnamePrefix: far-\n",
    "base/a.yaml": config("a"),
    "other/kustomization.yaml": "resources: [b.yaml]\nconfigMapGenerator: [{name: gen, files: [t.txt]}]\n",
    "other/b.yaml": config("b"),
    "other/t.txt": "text",
    "part/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnameSuffix: -part\n",
    "kustomization.yaml": "resources: [base]\n",
}
CASES = {
    "a folder": "resources: ['URL//base']",
    "the whole repository": "resources: ['URL']",
    "a folder behind .git": "resources: ['URL/other']",
    "a tag": "resources: ['URL//base?ref=v1']",
    "beside own files": "resources: [own.yaml, 'URL//base?ref=main&timeout=60&submodules=false']\nnamespace: mine",
    "a component": "resources: [own.yaml]\ncomponents: ['URL//part']",
    "with where it comes from": "resources: [own.yaml, 'URL//base?ref=v1']\nbuildMetadata: [originAnnotations]",
    "one behind another": "resources: ['URL2//near']",
    "in the order of writing": "resources: ['URL//base', own.yaml]\nsortOptions: {order: fifo}",
}


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """A Git server with two repositories, one of which names the other."""
    folder = tmp_path_factory.mktemp("forge")
    with GitServer(folder) as server:
        far = Repo.open(server.create("org/far.git"))
        far.commit({**FAR, "base/a.yaml": config("old")}, "old")
        far.tag("v1")
        far.commit(FAR, "new")
        near = f"resources: ['{server.url('org/far.git')}//base?ref=v1', c.yaml]\n"
        Repo.open(server.create("org/near.git")).commit(
            {"near/kustomization.yaml": near, "near/c.yaml": config("c")}, "near"
        )
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kitchen(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kitchen]:
    """A renderer with real sources."""
    place = Place(tmp_path_factory.mktemp("state"), "127.0.0.0/8")
    made = Kitchen(workers, World())
    made.renderer = CachedRenderer(Renderer(workers, place), None)
    yield made
    await place.close()


@pytest.mark.parametrize("case", CASES)
async def test_the_judge_says_the_same(kitchen: Kitchen, forge: GitServer, tmp_path: Path, case: str) -> None:
    text = CASES[case].replace("URL2", forge.url("org/near.git")).replace("URL", forge.url("org/far.git"))
    files = {"app/kustomization.yaml": text + "\n", "app/own.yaml": config("own")}
    rendering = await kitchen.render(files)
    verdict = await asyncio.to_thread(_judged, files, tmp_path)
    assert [each.body for each in rendering.manifests] == verdict


def _judged(files: dict[str, str], folder: Path) -> list[object]:
    try:
        kubectl = judges().folder / "kubectl"
    except NotForThisMachine as error:
        pytest.skip(str(error))
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    done = subprocess.run(
        [kubectl, "kustomize", "app"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [*yaml.safe_load_all(done.stdout)]
