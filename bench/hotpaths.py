"""The hot paths alone, without network: microseconds for one of each, the best of several rounds.

python -m bench.hotpaths
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.cluster.git_repo import Repo

from bench.report import aligned
from todoke.cluster.wire import decode_event, decode_head, live_object
from todoke.compare.verdict import Remembered, differences, judge
from todoke.model.objects import Kind, LiveObject, Manifest, ObjectKey, encode
from todoke.model.renderings import Stamp
from todoke.model.sources import SourceFile, SourceSpec
from todoke.model.telemetry import Silent
from todoke.render.directory import DirectoryRenderer
from todoke.render.listing import Lister, Listing, read_files
from todoke.render.placement import place
from todoke.source.repositories import GitSource

FOLDERS, ROUNDS, ROUND_SECONDS = 1000, 5, 0.1
Work = Callable[[], object]
Json = dict[str, Any]

_OURS = {
    "f:metadata": {"f:annotations": {"f:argocd.argoproj.io/tracking-id": {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:containers": {
                    'k:{"name":"web"}': {
                        ".": {},
                        "f:image": {},
                        "f:name": {},
                        "f:ports": {'k:{"containerPort":8080,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                        "f:resources": {"f:requests": {"f:cpu": {}, "f:memory": {}}},
                    }
                }
            },
        },
    },
}
_FILES = {
    "account.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n",
    "config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\ndata:\n  value: first\n  other: |\n"
    + "".join(f"    line.{number}=value\n" for number in range(8)),
    "service.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n"
    "  ports:\n    - name: http\n      port: 80\n      targetPort: 8080\n",
    "settings.yaml": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: settings\ndata:\n  mode: cXVpY2s=\n",
}


def _desired() -> Json:
    container = {
        "name": "web",
        "image": "nginx:1.27",
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    tracking = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": tracking},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


def _live(version: int) -> Json:
    """The Deployment as a server keeps it: with defaults, a status, and two owners of fields."""
    body: Json = json.loads(json.dumps(_desired()))
    entry = {"manager": "todoke", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    status = {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1"}
    body["metadata"] |= {
        "uid": "5d1a3c1e-0000-4000-8000-000000000000",
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": "2026-11-24T00:00:00Z",
        "managedFields": [
            entry | {"fieldsV1": _OURS},
            status | {"subresource": "status", "fieldsV1": {"f:status": {"f:replicas": {}, "f:readyReplicas": {}}}},
        ],
    }
    body["spec"] |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "strategy": {"type": "RollingUpdate"}}
    pod = body["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30}
    pod["containers"][0] |= {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"}
    pod["containers"][0]["ports"][0]["protocol"] = "TCP"
    body["status"] = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "observedGeneration": 1}
    return body


def _object(body: Json) -> LiveObject:
    raw = encode(body)
    return live_object(Kind("apps", "v1", "Deployment"), raw, decode_head(raw).metadata)


def comparing() -> dict[str, Work]:
    """One Deployment against what is live."""
    manifest = Manifest(ObjectKey("apps", "Deployment", "shop", "web"), "v1", encode(_desired()))
    answer, later = _object(_live(7)), _object(_live(8))
    other = _live(9)
    other["spec"]["replicas"] = 3
    changed = _object(other)
    known = Remembered(manifest.raw, answer, answer.resource_version)
    assert judge(manifest, later, known).in_sync
    assert judge(manifest, later, None).in_sync
    assert [found.at for found in judge(manifest, changed, known).differences] == [".spec.replicas"]
    answer_body, later_body = answer.body, later.body
    return {
        "compare, version known": lambda: judge(manifest, answer, known),
        "compare, new version, in sync": lambda: judge(manifest, later, known),
        "compare, new version, drifted": lambda: judge(manifest, changed, known),
        "compare, nothing remembered": lambda: judge(manifest, later, None),
        "compare, bodies decoded before": lambda: differences(answer_body, later_body),
    }


def rendering() -> dict[str, Work]:
    """Four small objects."""
    files = [SourceFile(path, text.encode()) for path, text in _FILES.items()]
    renderer, stamp = DirectoryRenderer(), Stamp("shop", "shop")
    manifests = renderer.render(files, stamp).manifests
    assert len(manifests) == 4
    return {
        "render 4 objects": lambda: renderer.render(files, stamp),
        "place 4 objects": lambda: [place(manifest, True, stamp) for manifest in manifests],
    }


def events() -> dict[str, Work]:
    """One watch event, from bytes to what the cache keeps."""
    kind = Kind("apps", "v1", "Deployment")
    line = msgspec.json.encode({"type": "MODIFIED", "object": _live(7)})

    def kept() -> LiveObject:
        raw = bytes(decode_event(line).object)
        return live_object(kind, raw, decode_head(raw).metadata)

    body = _object(_live(7))
    return {
        "event, envelope": lambda: decode_event(line),
        "event, envelope and head": lambda: decode_head(decode_event(line).object),
        "event, all that the cache does": kept,
        "object, whole body": lambda: body.body,
    }


async def fingerprints(folder: Path) -> dict[str, Work]:
    """One folder of many in a repository: at a commit seen before, and at one that changed another folder."""
    repo = Repo.create(folder / "fleet.git")
    content = {f"apps/app-{number:04d}/{path}": text for number in range(FOLDERS) for path, text in _FILES.items()}
    first = repo.commit(dict(content), "all")
    second = repo.commit({"apps/app-0001/config.yaml": _FILES["config.yaml"] + "# changed\n"}, "one")
    source = GitSource(folder / "mirrors", Silent())
    await source.refresh(repo.url)
    spec, lister = SourceSpec(repo.url, "main", "apps/app-0500"), Lister()

    def listing(sha: str) -> Listing:
        return lister.listing(source.tree(repo.url, sha), spec, "")

    assert listing(first) == listing(second)
    return {
        f"listing, 1 of {FOLDERS} folders": lambda: listing(second),
        f"files, 1 of {FOLDERS} folders": lambda: read_files(source.tree(repo.url, second), listing(second), ""),
    }


def microseconds(work: Work) -> float:
    """The best round's time for one call."""
    timer = timeit.Timer(work)
    calls, took = 1, 0.0
    while (took := timer.timeit(calls)) < ROUND_SECONDS:
        calls = max(calls * 2, int(calls * ROUND_SECONDS / max(took, 1e-9)))
    return min([took, *timer.repeat(ROUNDS - 1, calls)]) / calls * 1e6


def main() -> int:
    """Measure all and print a table."""
    with tempfile.TemporaryDirectory(prefix="todoke-hotpaths-") as folder:
        all_of_them = comparing() | rendering() | events() | asyncio.run(fingerprints(Path(folder)))
        rows = [(name, f"{microseconds(work):.1f}") for name, work in all_of_them.items()]
    print(aligned([("one of", "us"), *rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
