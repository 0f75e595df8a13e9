"""300 Helm applications of 10 charts in 50 repositories: what todoke delivers, and what `helm template` says of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.git_repo import Repo
from tests.render.golden.judges import judges

from bench.workload import CONTROL_NAMESPACE, Json, Key

CHARTS, REPOSITORIES = 10, 50
_NAMES = ("config", "settings", "limits", "routes")
_TEMPLATES = {
    "templates/_names.tpl": '{{ define "labels" }}app.kubernetes.io/name: {{ .Chart.Name }}\n'
    "app.kubernetes.io/instance: {{ .Release.Name }}{{ end }}\n",
    **{
        f"templates/{name}.yaml": f"""
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  labels: {{{{ include "labels" . | nindent 4 }}}}
data:
  value: {{{{ .Values.value | quote }}}}
  {{{{- range $key, $number := .Values.numbers }}}}
  {{{{ $key }}}}: {{{{ mul $number {position + 1} | quote }}}}
  {{{{- end }}}}
"""
        for position, name in enumerate(_NAMES)
    },
    "templates/service.yaml": """
apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {{ include "labels" . | nindent 4 }}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{name: http, port: {{ .Values.port }}, targetPort: 8080}]
""",
    "templates/account.yaml": """
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
  labels: {{ include "labels" . | nindent 4 }}
automountServiceAccountToken: false
""",
}


class HelmFleet:
    """Applications with a value file of their own each, in repositories that hold the charts they use.

    Attributes: names: of the applications. kinds: which kinds they have. commits: of all repositories, as they came.
    """

    kinds = ("ConfigMap", "Service", "ServiceAccount")

    def __init__(self, folder: Path, base_url: str, count: int) -> None:
        """Commits everything. Args: base_url: of the folder with all repositories."""
        self._folder, self._base_url = folder, base_url
        self.names = [f"app-{number:04d}" for number in range(count)]
        self.commits: list[str] = []
        self._values = dict.fromkeys(self.names, "first")
        self._repos = [Repo.create(folder / f"fleet-{number:02}.git") for number in range(REPOSITORIES)]
        self._heads: dict[int, list[tuple[str, frozenset[str]]]] = {}
        self._wanted: dict[Key, Json] = {}
        for number, repo in enumerate(self._repos):
            ours = [name for name in self.names if self._place(name) == number]
            files = {f"values/{name}.yaml": self._text(name) for name in ours}
            for chart in sorted({self._chart(name) for name in ours}):
                files |= {f"charts/{chart}/{path}": text for path, text in _chart_files(chart).items()}
            self._remember(number, repo.commit(files, "all"), ours)

    def _place(self, name: str) -> int:
        return int(name.rpartition("-")[2]) % REPOSITORIES

    def _chart(self, name: str) -> str:
        return f"chart-{int(name.rpartition('-')[2]) // REPOSITORIES % CHARTS}"

    def _text(self, name: str) -> str:
        return f"value: {self._values[name]}\nport: {8000 + self._place(name)}\n"

    def _remember(self, number: int, commit: str, names: Iterable[str]) -> None:
        self._heads.setdefault(number, []).append((commit, frozenset(names)))
        self.commits.append(commit)
        self._wanted.clear()

    def commit(self, names: Iterable[str], value: str) -> str:
        """Give each of these applications a new value, one commit a repository; the last commit."""
        by_place: dict[int, list[str]] = {}
        for name in names:
            self._values[name] = value
            by_place.setdefault(self._place(name), []).append(name)
        for number, chosen in by_place.items():
            files = {f"values/{name}.yaml": self._text(name) for name in chosen}
            self._remember(number, self._repos[number].commit(files, value), chosen)
        return self.commits[-1]

    def application(self, name: str) -> Json:
        """The Application object."""
        source = {
            "repoURL": f"{self._base_url}/fleet-{self._place(name):02}.git",
            "path": f"charts/{self._chart(name)}",
            "targetRevision": "main",
            "helm": {"valueFiles": [f"../../values/{name}.yaml"]},
        }
        policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": CONTROL_NAMESPACE},
            "spec": {
                "project": "default",
                "source": source,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
                "syncPolicy": policy,
            },
        }

    def wanted(self) -> dict[Key, Json]:
        """Every object as the real `helm template` prints it for what the branches hold now."""
        if not self._wanted:
            folder = self._folder / "checkout"
            for number, repo in enumerate(self._repos):
                for path, text in repo.files("main").items():
                    place = folder / str(number) / path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_text(text)
            with ThreadPoolExecutor(2) as pool:
                for found in pool.map(self._templated, self.names):
                    self._wanted |= found
        return self._wanted

    def _templated(self, name: str) -> dict[Key, Json]:
        here = self._folder / "checkout" / str(self._place(name))
        words = [str(judges().folder / "helm4"), "template", name, str(here / "charts" / self._chart(name))]
        words += ["--values", str(here / "values" / f"{name}.yaml")]
        printed = subprocess.run(words, check=True, capture_output=True).stdout
        found: dict[Key, Any] = {}
        for body in yaml.load_all(printed, Loader=yaml.CSafeLoader):
            del body["apiVersion"]
            found[(body.pop("kind"), name, body["metadata"]["name"])] = body
        return found

    def truthful_revisions(self, name: str) -> set[str]:
        """Commits of its repository at which the application is what it is now."""
        heads = self._heads[self._place(name)]
        last = max(position for position, (_, names) in enumerate(heads) if name in names)
        return {commit for commit, _ in heads[last:]}


def _chart_files(chart: str) -> dict[str, str]:
    numbers = ", ".join(f"key-{number}: {number}" for number in range(20))
    return {
        "Chart.yaml": f"apiVersion: v2\nname: {chart}\nversion: 1.2.3\n",
        "values.yaml": f"value: default\nport: 80\nnumbers: {{{numbers}}}\n",
        **_TEMPLATES,
    }
