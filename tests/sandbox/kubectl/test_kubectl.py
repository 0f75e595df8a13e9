"""What people type: the real kubectl says the same of the sandbox as of a real control plane."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.cluster.sandbox_plane import SandboxPlane
from tests.sandbox.contract.conftest import server_of

Step = Mapping[str, Any]

SCENARIOS = yaml.safe_load((Path(__file__).parent / "scenarios.yaml").read_text())
PATIENCE_SECONDS = 20.0
NOT_READY_TO_SAY = re.compile(r"^Waiting for .*\n", re.MULTILINE)
CHANCE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}"), "TIME"),
    (re.compile(r"(web|agent)-[a-z0-9]{6,10}-[a-z0-9]{5}\b"), r"\1-HASH-SUFFIX"),
    (re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}\b(?=[\s,:\"(]|$)"), "SUFFIX"),
    (re.compile(r"(web)-[bcdfghjklmnpqrstvwxz2456789]{6,10}\b"), r"\1-HASH"),
    (re.compile(r"pod-template-hash=[a-z0-9]+"), "pod-template-hash=HASH"),
    (re.compile(r"controller-revision-hash[=:]\s*[a-z0-9-]+"), "controller-revision-hash=HASH"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"\b3[0-2]\d{3}(?=/TCP)"), "NODEPORT"),
    (re.compile(r"\b\d+[smhd](\d+[smh])?\b"), "AGE"),
    (re.compile(r"resourceVersion: \"\d+\""), "resourceVersion: VERSION"),
    (re.compile(r"Resource Version:\s+\d+"), "Resource Version: VERSION"),
    (re.compile(r'(?<=patch: Invalid value: )"(map\[|\{).*"(?=: strict)'), "THE PATCHED OBJECT"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "https://SERVER"),
    (re.compile(r"/tmp/\S+"), "FILE"),
    (re.compile(r"^(Node:\s+)\S+", re.MULTILINE), r"\1NODE"),
    (re.compile(r"containerd://[0-9a-f]+"), "containerd://ID"),
    (re.compile(r"\bmover(-\S+)?\b|\bsandbox(-node)?\b|\bpvc-UID\b"), "NODE"),
    (re.compile(r"-{4,}"), "-----"),
    (re.compile(r"={4,}"), "====="),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
)


class Shell:
    """kubectl on one server, in a namespace of its own."""

    def __init__(self, kubectl: Path, kubeconfig: Path, folder: Path) -> None:
        self.namespace = f"type{secrets.token_hex(4)}"
        self._kubectl, self._kubeconfig, self._folder = kubectl, kubeconfig, folder
        self._server = server_of(kubeconfig)

    def open(self) -> None:
        """Make the namespace; returns when Pods can be made in it."""
        self._server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._server.ask("GET", path).status != 200:
            assert time.monotonic() < deadline, "no ServiceAccount in a new namespace"
            time.sleep(0.02)

    def close(self) -> None:
        """Let the namespace go, without waiting."""
        self._server.ask("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def do(self, step: Step) -> str:
        """What the command says, and its exit code, without what only chance decides."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            said = self._run(step)
            if step.get("until", "") in said:
                return self._shown(said, step)
            assert time.monotonic() < deadline, f"never {step['until']!r}:\n{said}"
            time.sleep(0.1)

    def _run(self, step: Step) -> str:
        words = shlex.split(step["run"].replace("{ns}", self.namespace))
        command = [str(self._kubectl), "--kubeconfig", str(self._kubeconfig), "-n", self.namespace, *words]
        stdin = step.get("stdin", "").replace("{ns}", self.namespace)
        environment = {**os.environ, "HOME": str(self._folder), "KUBE_EDITOR": f"sed -i '{step.get('edit', '')}'"}
        done = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, timeout=60)
        return f"{done.stdout}{done.stderr}exit code {done.returncode}"

    def _shown(self, said: str, step: Step) -> str:
        if step.get("events") is False:
            said = re.sub(r"^Events:.*?(?=^\S|\Z)", "", said, flags=re.DOTALL | re.MULTILINE)
        said = NOT_READY_TO_SAY.sub("", said).replace(self.namespace, "NAMESPACE")
        for pattern, text in CHANCE:
            said = pattern.sub(text, said)
        lines = said.splitlines()
        if wanted := step.get("lines"):
            lines = [line for line in lines if re.search(wanted, line)]
        return "\n".join(lines)


def normal(step: str | Step) -> Step:
    """A step as a mapping."""
    return {"run": step} if isinstance(step, str) else step


@pytest.mark.plane
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", SCENARIOS)
def test_says_the_same(name: str, sandbox_plane: SandboxPlane, real_plane: ControlPlane, tmp_path: Path) -> None:
    mine, real = (Shell(real_plane.kubectl, plane.kubeconfig_path, tmp_path) for plane in (sandbox_plane, real_plane))
    mine.open()
    real.open()
    try:
        for step in map(normal, SCENARIOS[name]):
            assert mine.do(step) == real.do(step), step["run"]
    finally:
        mine.close()
        real.close()


def test_there_are_enough_commands() -> None:
    assert sum(len(steps) for steps in SCENARIOS.values()) >= 40
