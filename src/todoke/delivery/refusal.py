"""Whether an object may be touched at all: its project must permit it, and nobody else may own it. Pure.

It holds for what is delivered and for hooks alike.
"""

import msgspec

from todoke.access.project import destination_permitted, kind_permitted
from todoke.compare.claims import ADOPT, applied_by_argo, applied_by_us, other_owner
from todoke.delivery.translate import IN_CLUSTER
from todoke.model.applications import ApplicationDestination
from todoke.model.deliverables import Deliverable
from todoke.model.objects import LiveObject, Manifest, ObjectKey, annotations
from todoke.model.projects import AppProject
from todoke.model.tracking import claimant, tracking_id


class Refusal(msgspec.Struct, frozen=True):
    """Why an object is not touched, and the condition type that tells of it."""

    reason: str
    trouble: str


class Permission(msgspec.Struct, frozen=True):
    """What one application may touch."""

    deliverable: Deliverable
    installation: str
    project: AppProject | None

    def refusal(self, manifest: Manifest, live: LiveObject | None, *, namespaced: bool) -> Refusal | None:
        """Why the object must not be touched, None when it may.

        Args: live: what there is of it, None when there is nothing.
        """
        if reason := self._forbidden(manifest.key, namespaced=namespaced):
            return Refusal(reason, "InvalidSpecError")
        if live is not None and (owner := self._other_owner(manifest, live)):
            step = f'Remove it there, or annotate the manifest with {ADOPT}: "true" to take it over'
            return Refusal(f"it belongs to {owner}. {step}", "SharedResourceWarning")
        return None

    def _forbidden(self, key: ObjectKey, *, namespaced: bool) -> str:
        name = self.deliverable.project
        if not kind_permitted(self.project, key.group, key.kind, key.name, namespaced):
            return f"the kind {key.group}/{key.kind} is not permitted in the project {name}"
        place = ApplicationDestination(*IN_CLUSTER, key.namespace)
        if namespaced and self.project is not None and not destination_permitted(self.project, place):
            return f"the namespace {key.namespace} is not permitted in the project {name}"
        return ""

    def _other_owner(self, manifest: Manifest, live: LiveObject) -> str:
        instance = self.deliverable.instance
        mine = tracking_id(instance, live.key, self.deliverable.namespace)
        if live.tracking == mine and live.installation == self.installation:
            theirs = not self.deliverable.adopted and not applied_by_us(live) and applied_by_argo(live)
            return f"application {instance} of Argo CD" if theirs else ""
        former = self.deliverable.former
        if former and claimant(live.tracking, live.key) == former and applied_by_argo(live) and not applied_by_us(live):
            return ""
        owner = other_owner(live, instance, self.installation)
        return "" if owner and annotations(manifest.body).get(ADOPT) == "true" else owner
