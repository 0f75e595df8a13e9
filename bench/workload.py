"""The applications that are measured: their manifests in one repository, and the Application objects.

What an object must look like is read back from the Git repository, not remembered from writing it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import yaml
from tests.cluster.git_repo import Repo

Json = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace and name."""

CONTROL_NAMESPACE = "todoke"
REFRESH = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
PATHS = {
    "ConfigMap": "/api/v1/{}configmaps",
    "Secret": "/api/v1/{}secrets",
    "Service": "/api/v1/{}services",
    "ServiceAccount": "/api/v1/{}serviceaccounts",
    "Deployment": "/apis/apps/v1/{}deployments",
    "Application": "/apis/argoproj.io/v1alpha1/{}applications",
}

_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: config
  labels:
    app.kubernetes.io/name: {app}
data:
  value: "{value}"
  application.properties: |
    server.port=8080
    server.shutdown=graceful
    logging.level.root=INFO
    feature.checkout=true
"""
_SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  mode: quick
  owner: {app}
"""
_SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: settings
type: Opaque
data:
  mode: {mode}
"""
_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: {app}
  ports:
    - name: http
      port: 80
      targetPort: 8080
"""
_ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
automountServiceAccountToken: false
"""
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {app}
  template:
    metadata:
      labels:
        app: {app}
    spec:
      containers:
        - name: web
          image: nginx:1.27
          ports:
            - containerPort: 8080
          resources:
            requests:
              cpu: 10m
              memory: 16Mi
"""
_DRIFT: dict[tuple[str, str], Json] = {
    ("ConfigMap", "config"): {"data": {"value": "changed by somebody else"}},
    ("ConfigMap", "settings"): {"data": {"mode": "changed by somebody else"}},
    ("Secret", "settings"): {"data": {"mode": base64.b64encode(b"changed by somebody else").decode()}},
    ("Service", "web"): {"spec": {"ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 9999}]}},
    ("ServiceAccount", "web"): {"automountServiceAccountToken": True},
}


class Fleet:
    """Applications of one repository, each in a folder and a namespace of its own name.

    Attributes: names: of the applications. kinds: which kinds they have. commits: of the branch, oldest first.
    """

    def __init__(self, repo: Repo, url: str, count: int, *, deployments: bool = False) -> None:
        """Commits everything; `url` is what the applications call the repository."""
        self._repo, self._url, self._deployments = repo, url, deployments
        self.names = [f"app-{number:04d}" for number in range(count)]
        self.kinds = ("Deployment", "Service") if deployments else ("ConfigMap", "Secret", "Service", "ServiceAccount")
        files = {path: text for name in self.names for path, text in self._files(name).items()}
        self.commits = [repo.commit(files, "the first version of all")]
        self._touched = dict.fromkeys(self.names, 0)
        self._wanted: dict[Key, Json] = {}

    def _files(self, name: str) -> dict[str, str]:
        if self._deployments:
            return {f"apps/{name}/web.yaml": f"{_DEPLOYMENT.format(app=name)}---\n{_SERVICE.format(app=name)}"}
        odd = int(name.rpartition("-")[2]) % 2
        settings = _SETTINGS.format(app=name) if odd else _SECRET.format(mode=base64.b64encode(b"quick").decode())
        return {
            f"apps/{name}/config.yaml": _CONFIG.format(app=name, value="first"),
            f"apps/{name}/settings.yaml": settings,
            f"apps/{name}/service.yaml": _SERVICE.format(app=name),
            f"apps/{name}/account.yaml": _ACCOUNT,
        }

    def commit(self, names: Iterable[str], value: str) -> str:
        """Give the ConfigMap of each of these applications a new value, in one commit; returns it."""
        chosen = list(names)
        files = {f"apps/{name}/config.yaml": _CONFIG.format(app=name, value=value) for name in chosen}
        self.commits.append(self._repo.commit(files, f"{value} for {len(chosen)} applications"))
        self._touched.update(dict.fromkeys(chosen, len(self.commits) - 1))
        self._wanted.clear()
        return self.commits[-1]

    def application(self, name: str) -> Json:
        """The Application object."""
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": CONTROL_NAMESPACE},
            "spec": {
                "project": "default",
                "source": {"repoURL": self._url, "path": f"apps/{name}", "targetRevision": "main"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": ["CreateNamespace=true"],
                },
            },
        }

    def wanted(self) -> dict[Key, Json]:
        """Every object of every application as the branch has it now, read from Git, without apiVersion and kind."""
        if not self._wanted:
            for path, text in self._repo.files("main").items():
                name = path.split("/")[1]
                for body in yaml.load_all(text, Loader=yaml.CSafeLoader):
                    del body["apiVersion"]  # items of a list do not repeat it, nor their kind
                    self._wanted[(body.pop("kind"), name, body["metadata"]["name"])] = body
        return self._wanted

    def truthful_revisions(self, name: str) -> set[str]:
        """Commits at which the application's folder is what it is now: each is a true `sync.revision`."""
        return set(self.commits[self._touched[name] :])


def drift(key: Key) -> Json:
    """A merge patch that changes a value of this object that its manifest sets."""
    return _DRIFT[(key[0], key[2])]


def path(key: Key) -> str:
    """The object's path at the API server."""
    kind, namespace, name = key
    return f"{PATHS[kind].format(f'namespaces/{namespace}/')}/{name}"
