"""`todoke diff` on a repository of many applications: cold, and warm when few of them changed.

    python -m bench.reviews [--applications 500] [--changed 5]

A third of the applications are kustomizations on shared bases, a third Helm charts with value files, a third plain
manifests. Prints seconds of the whole program, by the wall clock and of all CPUs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

URL = "https://git.example.com/acme/fleet.git"
TODOKE = (sys.executable, "-c", "from todoke.main import cli; cli()")
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:{tag}
          ports: [{{containerPort: 8080}}]
          resources: {{requests: {{cpu: 100m, memory: 128Mi}}}}
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]}}
"""
CHART = DEPLOYMENT.format(name="{{ .Release.Name }}", tag="{{ .Values.tag }}") + SERVICE.format(
    name="{{ .Release.Name }}"
)


def main() -> None:
    """Build the repository and time the program on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=500)
    parser.add_argument("--changed", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        build(clone, options.applications)
        change(clone, options.changed)
        environment = {**os.environ, "TODOKE_STATE_FOLDER": f"{folder}/state"}
        for name in ("cold", "warm", "warm"):
            seconds, cpu, summary = timed(clone, environment)
            print(f"{name:5} {seconds:6.2f} s  {cpu:6.2f} CPU s  {summary}")
        change(clone, options.changed, tag="4", start=options.changed)
        seconds, cpu, summary = timed(clone, environment)
        print(f"{'five more changed':5} {seconds:6.2f} s  {cpu:6.2f} CPU s  {summary}")


def build(clone: Path, number: int) -> None:
    """A repository with so many applications, on branch main."""
    write(
        clone, "base/kustomization.yaml", "resources: [all.yaml]\nconfigMapGenerator: [{name: conf, literals: [a=1]}]\n"
    )
    write(clone, "base/all.yaml", DEPLOYMENT.format(name="web", tag="1") + SERVICE.format(name="web"))
    write(clone, "charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")
    write(clone, "charts/web/values.yaml", "tag: '1'\n")
    write(clone, "charts/web/templates/all.yaml", CHART)
    for index in range(number):
        write(clone, f"apps/app-{index:04}.yaml", json.dumps(application(index)))
        set_tag(clone, index, "2")
    git(clone, "init", "-q", "-b", "main")
    git(clone, "remote", "add", "origin", URL)
    commit(clone)


def application(index: int) -> dict[str, object]:
    """One Application, by turns of three kinds."""
    name, kind = f"app-{index:04}", index % 3
    source: dict[str, object] = {"repoURL": URL, "targetRevision": "HEAD", "path": f"deploy/{name}"}
    if kind == 1:
        source |= {"path": "charts/web", "helm": {"valueFiles": [f"../../values/{name}.yaml"]}}
    spec = {"project": "default", "source": source, "destination": {"name": "in-cluster", "namespace": name}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec}


def set_tag(clone: Path, index: int, tag: str) -> None:
    """Write the file that holds an application's image tag."""
    name, kind = f"app-{index:04}", index % 3
    if kind == 0:
        images = json.dumps([{"name": "registry.example.com/web", "newTag": tag}])
        write(
            clone,
            f"deploy/{name}/kustomization.yaml",
            f"resources: [../../base]\nnamePrefix: {name}-\nimages: {images}\n",
        )
    elif kind == 1:
        write(clone, f"values/{name}.yaml", f"tag: '{tag}'\n")
    else:
        write(clone, f"deploy/{name}/all.yaml", DEPLOYMENT.format(name=name, tag=tag) + SERVICE.format(name=name))


def change(clone: Path, number: int, tag: str = "3", start: int = 0) -> None:
    """Commit other tags of so many applications on the branch topic."""
    git(clone, "checkout", "-q", "-B", "topic")
    for index in range(start, start + number):
        set_tag(clone, index, tag)
    commit(clone)


def timed(clone: Path, environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds and CPU seconds of `todoke diff`, and the line that sums it up."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = (*TODOKE, "diff", "--base", "main", "--head", "topic", "-o", "json")
    done = subprocess.run(words, cwd=clone, env=environment, capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 1, done.stderr
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu, json.loads(done.stdout)["summary"]


def write(clone: Path, path: str, text: str) -> None:
    """Write a file, and the folders above it."""
    place = clone / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def commit(clone: Path) -> None:
    """Commit everything."""
    git(clone, "add", "-A")
    git(clone, "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", "bench")


def git(clone: Path, *words: str) -> None:
    """Run git."""
    subprocess.run(("git", *words), cwd=clone, check=True)


if __name__ == "__main__":
    main()
