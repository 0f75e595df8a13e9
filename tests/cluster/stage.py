"""A stage for delivery tests: the rooms joined as in main.py, one look at a time, on the real control plane.

`staged` runs them under exactly the rights that `todoke install manifests` prints for the stage's namespace.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.cluster.account import Account
from tests.cluster.client import ApiClient, ApiError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.git_repo import Repo
from tests.cluster.waiting import until
from todoke.cluster.applications import KubeApplications
from todoke.cluster.client import KubeClient
from todoke.cluster.connection import load
from todoke.cluster.kube import KubeCluster
from todoke.delivery.loop import Loop, Pace
from todoke.delivery.walk import Delivery, House, Rooms
from todoke.model.crd import custom_resource_definitions
from todoke.model.deliverables import DeliverableKey
from todoke.model.events import Event
from todoke.model.objects import Kind, ObjectKey
from todoke.model.plans import Plan, Step
from todoke.model.sources import Origin
from todoke.model.telemetry import Silent
from todoke.model.tracking import MANAGER
from todoke.render.cache import CachedRenderer
from todoke.render.renderer import Renderer
from todoke.render.versions import matching
from todoke.render.worker import Workers, program
from todoke.source.remote.guard import networks_of
from todoke.source.repositories import GitSource
from todoke.source.sources import Sources

KINDS = {
    "ConfigMap": Kind("", "v1", "ConfigMap"),
    "Secret": Kind("", "v1", "Secret"),
    "Service": Kind("", "v1", "Service"),
    "PersistentVolumeClaim": Kind("", "v1", "PersistentVolumeClaim"),
    "Deployment": Kind("apps", "v1", "Deployment"),
    "HorizontalPodAutoscaler": Kind("autoscaling", "v2", "HorizontalPodAutoscaler"),
}
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"


class Notebook:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def record(self, events: Any) -> None:
        self.events.extend(events)


class Stage:
    """One namespace that is both control namespace and destination, one repository, and todoke."""

    def __init__(self, plane: ControlPlane, api: ApiClient, namespace: str, folder: Path) -> None:
        self.plane, self.api, self.namespace = plane, api, namespace
        self.repo = Repo.create(folder / "manifests.git")
        self.ledger = Notebook()
        self.house = House(namespace=namespace, installation=namespace, mark=namespace)
        self.state = folder / "state"
        self.kubeconfig = plane.kubeconfig_path
        self.account: Account | None = None

    async def open(self, stack: AsyncExitStack, group: asyncio.TaskGroup) -> None:
        """Join the rooms. May be called again for a restart with an empty memory."""
        client = await stack.enter_async_context(KubeClient(load(str(self.kubeconfig)), Silent()))
        self.cluster, self.applications = KubeCluster(client, self.namespace), KubeApplications(client, self.namespace)
        workers = Workers(program())
        stack.push_async_callback(workers.close)
        git = GitSource(self.state / "mirrors", Silent(), fetch_timeout_seconds=20, matching=matching(workers))
        loopback = networks_of("127.0.0.0/8")
        self.source = Sources(git, self.state / "charts", matching(workers), Silent(), networks=loopback)
        stack.push_async_callback(self.source.close)
        self.renderer = CachedRenderer(Renderer(workers, self.source), self.state / "renderings.db")
        stack.callback(self.renderer.close)
        rooms = Rooms(
            self.source, self.renderer, self.cluster, self.applications, self.ledger, lambda: datetime.now(UTC)
        )
        self.delivery = Delivery(rooms, self.house)
        self.loop = Loop(self.delivery, rooms, self.house, Pace(workers=4, poll_seconds=1.0))
        self.cluster.start(group, self.loop.heard_of_objects)
        await self.cluster.recall()

        def surroundings() -> None:
            self.source.use_trusted(self.applications.trusted())
            self.renderer.use_config(self.applications.config())
            self.loop.heard_of_surroundings()

        await self.applications.start(group, self.loop.heard_of_application, surroundings)
        surroundings()

    async def allow(self, group: str, plural: str) -> None:
        """Let todoke deliver one more kind, as `todoke install manifests --kinds group/plural` would."""
        assert self.account is not None, "the stage has no rights of its own: it is admin"
        await self.account.allow(group, plural)

    def key(self, name: str = "shop") -> DeliverableKey:
        """An application's identity."""
        return DeliverableKey("Application", self.namespace, name)

    async def application(self, name: str = "shop", path: str = "shop", **spec: Any) -> None:
        """Create an Application; keywords go into its spec, `policy` is its syncPolicy.automated."""
        policy = spec.pop("policy", {"prune": True, "selfHeal": True})
        metadata = {"name": name} | spec.pop("metadata", {})
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": metadata,
            "spec": {
                "project": "default",
                "source": {"repoURL": self.repo.url, "path": path, "targetRevision": "main"},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": self.namespace},
                "syncPolicy": {"automated": policy} if policy is not None else {},
            }
            | spec,
        }
        await self.api.create(APPLICATIONS.format(namespace=self.namespace), body)
        await until(lambda: _now(self.applications.get(self.key(name))), lambda found: found is not None)

    async def patch_application(self, patch: Mapping[str, Any], name: str = "shop") -> None:
        """A merge patch by a person; returns when todoke has heard of it."""
        path = self.application_path(name)
        answer = await self.api.patch(path, patch)
        await until(
            lambda: _now(self.applications.get(self.key(name))),
            lambda found: found is None or found.resource_version >= int(answer["metadata"]["resourceVersion"]),
        )

    async def status(self, name: str = "shop") -> dict[str, Any]:
        """The Application's status as the API server has it."""
        found = await self.api.get(self.application_path(name))
        return found.get("status") or {}

    async def commit(self, files: Mapping[str, Any], message: str = "a change") -> str:
        """Commit manifests (dicts are written as JSON inside YAML files) and let the source see them."""
        texts = {name: _text(content) for name, content in files.items()}
        sha = self.repo.commit(texts, message)
        await self.source.refresh(Origin(self.repo.url))
        return sha

    async def deliver(self, name: str = "shop") -> dict[str, Any]:
        """One look; the status after it."""
        await self.delivery.deliver(self.key(name))
        return await self.status(name)

    async def settled(self, name: str = "shop") -> dict[str, Any]:
        """Looks until no operation is running; the status then."""

        async def look() -> dict[str, Any]:
            return await self.deliver(name)

        return await until(look, lambda status: (status.get("operationState") or {}).get("phase") != "Running")

    async def plan(self, name: str = "shop") -> Plan:
        """What a look would do, without doing it."""
        return await self.delivery.preview(self.key(name))

    async def step(self, kind: str, object_name: str, name: str = "shop") -> Step:
        """One object's step in the plan."""
        plan = await self.plan(name)
        return next(step for step in plan.steps if (step.key.kind, step.key.name) == (kind, object_name))

    async def assert_quiet(self, *objects: tuple[str, str]) -> None:
        """Two more looks write nothing, neither to the named objects nor to the Application.

        While others still write to the objects (a controller counts replicas), the status follows them: then the
        Application is looked at again, until they have come to rest.
        """
        places = [self.path(kind, name) for kind, name in objects]
        await until(self.deliver, lambda status: status["health"]["status"] != "Progressing")

        async def two_looks() -> bool:
            before, application = await self._written(places), await self.api.get(self.application_path())
            for _ in range(2):
                await self.deliver()
            after, same = await self._written(places), await self.api.get(self.application_path())
            for place, earlier, later in zip(places, before, after, strict=True):
                assert _ours(later) == _ours(earlier), place
            rested = [_version(one) for one in after] == [_version(one) for one in before]
            assert not rested or same == application
            return rested

        await until(two_looks, bool)

    async def _written(self, places: list[str]) -> list[dict[str, Any]]:
        return [await self.api.get(place) for place in places]

    def application_path(self, name: str = "shop") -> str:
        """URL path of an Application."""
        return f"{APPLICATIONS.format(namespace=self.namespace)}/{name}"

    async def caught_up(self, kind: str, name: str = "web") -> None:
        """Wait until todoke has heard of the newest version of an object that somebody else wrote or deleted."""
        served = KINDS[kind]
        key = ObjectKey(served.group, kind, self.namespace, name)
        try:
            version = int((await self.api.get(self.path(kind, name)))["metadata"]["resourceVersion"])
        except ApiError as error:
            assert error.status == 404, error
            version = 0

        async def heard() -> int:
            live = (await self.cluster.live([(served, key)])).get(key)
            return live.resource_version if live else 0

        await until(heard, lambda seen: seen >= version if version else not seen)

    def path(self, kind: str, name: str = "web") -> str:
        """URL path of an object in the stage's namespace."""
        served = KINDS[kind]
        root = f"/apis/{served.group}/{served.version}" if served.group else f"/api/{served.version}"
        return f"{root}/namespaces/{self.namespace}/{kind.lower()}s/{name}"

    async def live(self, kind: str, name: str = "web") -> dict[str, Any]:
        """An object as the API server has it."""
        return await self.api.get(self.path(kind, name))

    async def change(
        self, kind: str, patch: Mapping[str, Any], name: str = "web", manager: str = "kubectl-edit"
    ) -> None:
        """Somebody else changes an object; returns when todoke has heard of it."""
        await self.api.patch(self.path(kind, name), patch, fieldManager=manager)
        await self.caught_up(kind, name)


def core_kinds(namespace: str) -> dict[str, str]:
    """List paths of the kinds that tests look through for objects nobody should have made."""
    root = f"/api/v1/namespaces/{namespace}"
    return {
        "ConfigMap": f"{root}/configmaps",
        "Secret": f"{root}/secrets",
        "Service": f"{root}/services",
        "ServiceAccount": f"{root}/serviceaccounts",
        "PersistentVolumeClaim": f"{root}/persistentvolumeclaims",
        "Pod": f"{root}/pods",
        "Deployment": f"/apis/apps/v1/namespaces/{namespace}/deployments",
        "Ingress": f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses",
        "ManagedCertificate": f"/apis/networking.gke.io/v1/namespaces/{namespace}/managedcertificates",
    }


def config_map(name: str = "web", **data: str) -> dict[str, Any]:
    """A ConfigMap manifest."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str = "web", image: str = "registry.example/web:1", replicas: int | None = 1) -> dict[str, Any]:
    """A Deployment manifest with one container."""
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


async def install_kinds(api: ApiClient) -> None:
    """Our CustomResourceDefinitions, served."""
    for definition in custom_resource_definitions():
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
        await api.apply(path, definition)
        await until(lambda path=path: api.get(path), _established)


def _established(definition: Mapping[str, Any]) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


@asynccontextmanager
async def staged(plane: ControlPlane, api: ApiClient, namespace: str, folder: Path) -> AsyncIterator[Stage]:
    """A stage under the printed rights, torn down at the end."""
    stage = Stage(plane, api, namespace, folder)
    stage.account = Account(plane, api, namespace, folder)
    stage.kubeconfig = await stage.account.install()
    try:
        async with opened(stage):
            yield stage
    finally:
        await stage.account.remove()


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[Stage]:
    """A stage whose rooms are joined anew: todoke after a restart, with nothing remembered."""
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            await stage.open(stack, group)
            yield stage
            raise _Curtain  # noqa: TRY301 -- the way to end a task group from inside
    except* _Curtain:
        pass


class _Curtain(Exception):
    """Ends the task group with everything in it."""


def _ours(live: dict[str, Any]) -> list[dict[str, Any]]:
    """What todoke wrote of an object, and when."""
    return [entry for entry in live["metadata"].get("managedFields", ()) if entry["manager"] == MANAGER]


def _version(live: dict[str, Any]) -> str:
    return live["metadata"]["resourceVersion"]


def _text(content: Any) -> str | None:
    if content is None or isinstance(content, str):
        return content
    documents = content if isinstance(content, list) else [content]
    return "\n---\n".join(json.dumps(document) for document in documents)


async def _now(value: Any) -> Any:
    return value
