"""Which controllers look at what when something changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from todoke_sandbox.controllers import (
    accounts,
    addresses,
    cron_jobs,
    daemon_sets,
    deployments,
    disruption,
    endpoints,
    expiry,
    garbage,
    jobs,
    kubelet,
    namespaces,
    replica_sets,
    scheduler,
    stateful_sets,
    volumes,
)
from todoke_sandbox.controllers.adoption import selector_of
from todoke_sandbox.controllers.informer import Informer
from todoke_sandbox.controllers.job_state import finished, is_tracked
from todoke_sandbox.controllers.objects import controller_of, is_deleted, labels
from todoke_sandbox.controllers.pods import has_ended
from todoke_sandbox.controllers.work_queue import Key, WorkQueue
from todoke_sandbox.storage.store import Change, TableKey
from todoke_sandbox.storage.tables import (
    BUDGETS,
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEFINITIONS,
    DEPLOYMENTS,
    ENDPOINTS,
    EVENTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    REVISIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SLICES,
    STATEFUL_SETS,
    VOLUMES,
)
from todoke_sandbox.verbs.deleting import FOREGROUND, ORPHAN

Json = dict[str, Any]
Body = Mapping[str, Any]

_OF_KIND: Final = {
    "ReplicaSet": replica_sets.NAME,
    "ReplicationController": replica_sets.OLD_NAME,
    "StatefulSet": stateful_sets.NAME,
    "DaemonSet": daemon_sets.NAME,
    "Job": jobs.NAME,
    "Deployment": deployments.NAME,
    "CronJob": cron_jobs.NAME,
}
_OF_TABLE: Final = {
    DEPLOYMENTS: (deployments.NAME,),
    REPLICA_SETS: (replica_sets.NAME,),
    REPLICATION_CONTROLLERS: (replica_sets.OLD_NAME,),
    STATEFUL_SETS: (stateful_sets.NAME,),
    DAEMON_SETS: (daemon_sets.NAME,),
    JOBS: (jobs.NAME, expiry.JOB_NAME),
    CRON_JOBS: (cron_jobs.NAME,),
    SERVICES: (endpoints.NAME, addresses.SERVICE_CONTROLLER),
    INGRESSES: (addresses.INGRESS_CONTROLLER,),
    CLAIMS: (volumes.BINDER, volumes.Protection.name),
    VOLUMES: (volumes.BINDER, volumes.Protection.name),
    BUDGETS: (disruption.NAME,),
    NAMESPACES: (accounts.NAME, namespaces.NAME),
    PODS: (scheduler.NAME, kubelet.NAME),
}
"""Controllers that look at each changed object of a table itself."""
_SELECTING: Final = {
    PODS: (
        (REPLICA_SETS, replica_sets.NAME),
        (REPLICATION_CONTROLLERS, replica_sets.OLD_NAME),
        (STATEFUL_SETS, stateful_sets.NAME),
        (DAEMON_SETS, daemon_sets.NAME),
    ),
    REPLICA_SETS: ((DEPLOYMENTS, deployments.NAME),),
    REVISIONS: ((STATEFUL_SETS, stateful_sets.NAME), (DAEMON_SETS, daemon_sets.NAME)),
}
"""Controllers that may adopt an object without an owner."""


class Routes:
    """Turns changes into keys."""

    def __init__(
        self,
        informer: Informer,
        queue: WorkQueue,
        node: kubelet.Kubelet,
        placing: scheduler.Scheduler,
        events: expiry.OldEvents,
    ) -> None:
        """Takes what is known, where keys go, and those that know what waits for something."""
        self._informer = informer
        self._queue = queue
        self._kubelet = node
        self._scheduler = placing
        self._events = events
        self._further: Mapping[TableKey, Callable[[Body, Change], None]] = {
            PODS: self._of_pod,
            REPLICA_SETS: self._of_member,
            REVISIONS: self._of_member,
            JOBS: self._of_job,
            NODES: self._of_node,
            CLAIMS: self._of_claim,
            VOLUMES: self._of_volume,
            CONFIG_MAPS: self._of_content,
            SECRETS: self._of_content,
            SERVICE_ACCOUNTS: self._of_account,
            ENDPOINTS: self._of_endpoints,
            SLICES: self._of_slice,
            EVENTS: self._of_event,
            DEFINITIONS: self._of_definition,
            DEPLOYMENTS: self._of_scaled,
            REPLICATION_CONTROLLERS: self._of_scaled,
            STATEFUL_SETS: self._of_scaled,
        }

    def hear(self, table: TableKey, change: Change) -> None:
        """Put what a change concerns into the queue."""
        body = change.after.body
        metadata = body["metadata"]
        namespace = metadata.get("namespace", "")
        for name in _OF_TABLE.get(table, ()):
            self._queue.put(Key(name, namespace, metadata["name"]))
        if (further := self._further.get(table)) is not None:
            further(body, change)
        if table != EVENTS:
            self._collected(body, change)
        if change.kind == "DELETED" and namespace:
            self._left(namespace)

    def _put(self, controller: str, body: Body) -> None:
        self._queue.put(Key(controller, body["metadata"].get("namespace", ""), body["metadata"]["name"]))

    def _collected(self, body: Body, change: Change) -> None:
        """What the collector has to look at: dependents of what is gone, and whatever waits or may lack an owner."""
        metadata = body["metadata"]
        uid, refs = metadata["uid"], metadata.get("ownerReferences")
        if change.kind == "DELETED":
            for where in self._informer.owned(uid):
                if (dependent := self._informer.at(where)) is not None:
                    self._collect(dependent["metadata"]["uid"])
        elif "deletionTimestamp" in metadata:
            held = metadata.get("finalizers") or ()
            if FOREGROUND in held or ORPHAN in held:
                self._collect(uid)
        elif refs and (change.before is None or change.before.body["metadata"].get("ownerReferences") != refs):
            self._check_owners(uid, refs, metadata.get("namespace", ""))
        for ref in refs or ():
            if (change.kind == "DELETED" or "deletionTimestamp" in metadata) and ref.get("blockOwnerDeletion"):
                self._awaited(ref["uid"])

    def _check_owners(self, uid: str, refs: list[Json], namespace: str) -> None:
        """Have an object collected that may lack an owner; nearly all have theirs, and need no look."""
        for ref in refs:
            where = self._informer.place_of(ref["uid"])
            owner = None if where is None else self._informer.at(where)
            elsewhere = where is not None and (where.name != ref["name"] or where.namespace not in (namespace, ""))
            if owner is None or elsewhere or garbage.waits_for_dependents(owner):
                self._collect(uid)
                return

    def _awaited(self, owner_uid: str) -> None:
        where = self._informer.place_of(owner_uid)
        owner = where and self._informer.at(where)
        if owner and is_deleted(owner):
            self._collect(owner_uid)

    def _collect(self, uid: str) -> None:
        self._queue.put(Key(garbage.NAME, "", uid))

    def _left(self, namespace: str) -> None:
        """Something is gone: a namespace may have waited for it."""
        found = self._informer.get(NAMESPACES, "", namespace)
        if found is not None and is_deleted(found):
            self._queue.put(Key(namespaces.NAME, "", namespace))

    def _of_pod(self, body: Body, change: Change) -> None:
        self._of_member(body, change)
        before = None if change.before is None else change.before.body
        namespace = body["metadata"]["namespace"]
        self._serve(namespace, body, before)
        for claim in volumes.claims_of(body):
            if change.kind != "MODIFIED" or has_ended(body):
                self._queue.put(Key(volumes.Protection.name, namespace, claim))
        for budget in self._informer.namespaced(BUDGETS, namespace):
            if selector_of(budget).matches(labels(body)):
                self._put(disruption.NAME, budget)
        if is_tracked(body):
            self._of_tracked(body)

    def _serve(self, namespace: str, body: Body, before: Body | None) -> None:
        """Services with the Pod behind them now, or before."""
        now, then = labels(body), None if before is None else labels(before)
        for name in self._informer.services_for(namespace, now):
            self._queue.put(Key(endpoints.NAME, namespace, name))
        if then is not None and then != now:
            for name in self._informer.services_for(namespace, then):
                self._queue.put(Key(endpoints.NAME, namespace, name))

    def _of_member(self, body: Body, change: Change) -> None:
        """Whoever controls an object now or did before; of one that nobody controls, who might adopt it."""
        namespace = body["metadata"]["namespace"]
        refs = [controller_of(body), None if change.before is None else controller_of(change.before.body)]
        for ref in refs:
            if ref is not None and (name := _OF_KIND.get(ref["kind"])) is not None:
                self._queue.put(Key(name, namespace, ref["name"]))
        if refs[0] is None and change.kind != "DELETED":
            for table, name in _SELECTING.get(_table_of(body), ()):
                for owner in self._informer.namespaced(table, namespace):
                    if selector_of(owner).matches(labels(body)):
                        self._put(name, owner)
        if _table_of(body) == PODS and (change.kind == "DELETED" or has_ended(body)):
            self._of_recreated(body)

    def _of_recreated(self, pod: Body) -> None:
        """A Deployment that recreates waits until the last old Pod is gone."""
        ref = controller_of(pod)
        if ref is None or ref["kind"] != "ReplicaSet":
            return
        owner = self._informer.get(REPLICA_SETS, pod["metadata"]["namespace"], ref["name"])
        above = owner and controller_of(owner)
        if above:
            self._queue.put(Key(deployments.NAME, pod["metadata"]["namespace"], above["name"]))

    def _of_tracked(self, pod: Body) -> None:
        ref = controller_of(pod)
        job = None if ref is None else self._informer.get(JOBS, pod["metadata"]["namespace"], ref["name"])
        if job is None or finished(job):
            self._put(jobs.LostPods.name, pod)

    def _of_job(self, body: Body, change: Change) -> None:
        ref = controller_of(body)
        if ref is not None and ref["kind"] == "CronJob":
            self._queue.put(Key(cron_jobs.NAME, body["metadata"]["namespace"], ref["name"]))
        if change.kind == "DELETED":
            for where in self._informer.owned(body["metadata"]["uid"]):
                if where.table == PODS:
                    self._queue.put(Key(jobs.LostPods.name, where.namespace, where.name))

    def _of_node(self, body: Body, change: Change) -> None:
        for namespace, name in self._scheduler.waiting():
            self._queue.put(Key(scheduler.NAME, namespace, name))
        if change.before is None or change.kind == "DELETED" or change.before.body["spec"] != body["spec"]:
            for daemon_set in self._informer.all(DAEMON_SETS):
                self._put(daemon_sets.NAME, daemon_set)

    def _of_claim(self, body: Body, change: Change) -> None:
        for namespace, name in self._scheduler.waiting(body["metadata"]["namespace"]):
            self._queue.put(Key(scheduler.NAME, namespace, name))
        if change.kind == "DELETED" and (volume := body["spec"].get("volumeName")):
            self._queue.put(Key(volumes.BINDER, "", volume))
        for ref in body["metadata"].get("ownerReferences") or () if change.kind == "DELETED" else ():
            if ref["kind"] == "StatefulSet":
                self._queue.put(Key(stateful_sets.NAME, body["metadata"]["namespace"], ref["name"]))

    def _of_volume(self, body: Body, change: Change) -> None:
        """A new volume may be what a claim waits for."""
        if change.kind == "ADDED":
            for claim in self._informer.all(CLAIMS):
                if (claim.get("status") or {}).get("phase") != "Bound":
                    self._put(volumes.BINDER, claim)

    def _of_content(self, body: Body, change: Change) -> None:
        namespace = body["metadata"]["namespace"]
        for name in self._kubelet.lacking(namespace):
            self._queue.put(Key(kubelet.NAME, namespace, name))
        if body["metadata"]["name"] == accounts.ROOT_CA:
            self._queue.put(Key(accounts.NAME, "", namespace))

    def _of_account(self, body: Body, change: Change) -> None:
        if change.kind == "DELETED":
            self._queue.put(Key(accounts.NAME, "", body["metadata"]["namespace"]))

    def _of_endpoints(self, body: Body, change: Change) -> None:
        if self._informer.get(SERVICES, body["metadata"]["namespace"], body["metadata"]["name"]) is not None:
            self._put(endpoints.NAME, body)

    def _of_slice(self, body: Body, change: Change) -> None:
        ref = controller_of(body)
        if ref is not None and ref["kind"] == "Service":
            self._queue.put(Key(endpoints.NAME, body["metadata"]["namespace"], ref["name"]))

    def _of_event(self, body: Body, change: Change) -> None:
        if change.kind != "DELETED" and self._events.take(dict(body)):
            self._queue.put_later(Key(expiry.EVENT_NAME, "", ""), self._events.keep_seconds)

    def _of_definition(self, body: Body, change: Change) -> None:
        if change.kind != "DELETED":
            self._informer.listen(TableKey(body["spec"]["group"], body["spec"]["names"]["plural"]))

    def _of_scaled(self, body: Body, change: Change) -> None:
        """Budgets count what owners of Pods are asked to have."""
        before = {} if change.before is None else change.before.body["spec"]
        if before.get("replicas") != body["spec"].get("replicas"):
            for budget in self._informer.namespaced(BUDGETS, body["metadata"]["namespace"]):
                self._put(disruption.NAME, budget)


def _table_of(body: Body) -> TableKey:
    return {"Pod": PODS, "ReplicaSet": REPLICA_SETS, "ControllerRevision": REVISIONS}[body["kind"]]
