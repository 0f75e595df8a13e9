"""Every example's README, typed line by line on the embedded cluster."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cluster.client import ApiClient
from tests.cluster.git_repo import Repo
from tests.cluster.program import Program
from tests.cluster.sandbox_plane import SandboxPlane
from tests.cluster.stage import install_kinds

pytestmark = [pytest.mark.plane, pytest.mark.timeout(120)]  # kubectl comes with the real control plane

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/README.md"))
SHOWS = {
    "todoke app get hello": "Healthy",
    "todoke app get red": "not-allowed",
    "todoke app get archive": "waits for a person",
    "kubectl -n tickets get tickets": "12A",
    "kubectl get application settings -o jsonpath={.status.operationState.syncResult.resources}": "kubectl-patch",
    "todoke diff --base main": "2 changed",
    "kubectl -n team get configmaps -o yaml": "COLOR: green",
}
"""What a README promises that a command prints."""
ENDS_IN = {"todoke diff --base main": 1}
"""Exit codes other than 0."""


class Said(NamedTuple):
    """What one command printed, and its exit code."""

    command: str
    code: int
    text: str


def commands(readme: str) -> list[str]:
    """The command lines of a README, in order."""
    blocks = re.findall(r"```console\n(.*?)```", readme, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


async def typed(command: str, clone: Path, variables: dict[str, str]) -> Said:
    """One command, carried out in the clone."""
    words = shlex.split(command.replace("~/todoke", str(ROOT)).replace("$(git remote get-url origin)", "{url}"))
    words = [word.replace("{url}", variables["REPOSITORY"]) for word in words]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=clone, env=variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    text, _ = await process.communicate()
    return Said(command, process.returncode or 0, text.decode())


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
async def test_the_readme_holds(example: Path, sandbox_plane: SandboxPlane, tmp_path: Path) -> None:
    namespace = f"examples-{secrets.token_hex(3)}"
    async with ApiClient(sandbox_plane.kubeconfig_path) as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        await install_kinds(api)
    repo = Repo.create(tmp_path / "manifests.git")
    repo.commit({"README": "manifests\n"}, "first")
    config: dict[str, Any] = json.loads(sandbox_plane.kubeconfig_path.read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(sandbox_plane.kubectl)
    search = [str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    variables = {
        "PATH": os.pathsep.join(search),
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "src"),
        "KUBECONFIG": str(kubeconfig),
        "TODOKE_NAMESPACE": namespace,
        "TODOKE_STATE_FOLDER": str(tmp_path / "state"),
        "REPOSITORY": repo.url,
        "GIT_AUTHOR_NAME": "You",
        "GIT_AUTHOR_EMAIL": "you@example.com",
        "GIT_COMMITTER_NAME": "You",
        "GIT_COMMITTER_EMAIL": "you@example.com",
    }
    clone = tmp_path / "clone"
    cloned = await typed(f"git clone {repo.url} {clone}", tmp_path, variables)
    assert cloned.code == 0, cloned
    said = []
    async with Program(tmp_path, namespace, kubeconfig):
        for command in commands((example / "README.md").read_text()):
            said.append(await typed(command, clone, variables))
            assert said[-1].code == ENDS_IN.get(command, 0), said[-1]
            assert SHOWS.get(command, "") in said[-1].text, said[-1]
    assert len(said) > 5
