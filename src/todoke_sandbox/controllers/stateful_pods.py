"""The Pods and claims of a StatefulSet: their names, labels and volumes.

Source: Kubernetes documentation, "StatefulSet": "Pod Identity", "PersistentVolumeClaim retention".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from todoke_sandbox.controllers.objects import reference_to
from todoke_sandbox.controllers.pods import from_template
from todoke_sandbox.controllers.revisions import HASH

Json = dict[str, Any]

POD_NAME: Final = "statefulset.kubernetes.io/pod-name"
POD_INDEX: Final = "apps.kubernetes.io/pod-index"
_NAME: Final = re.compile(r"(.*)-([0-9]+)")


def ordinal(stateful_set: Mapping[str, Any], pod: Mapping[str, Any]) -> int | None:
    """The number in the name of a Pod of this set; None when the name is none of the set's."""
    found = _NAME.fullmatch(pod["metadata"]["name"])
    return int(found[2]) if found and found[1] == stateful_set["metadata"]["name"] else None


def first_ordinal(stateful_set: Mapping[str, Any]) -> int:
    """The number of the first Pod."""
    return int((stateful_set["spec"].get("ordinals") or {}).get("start", 0))


def new_pod(stateful_set: Mapping[str, Any], template: Mapping[str, Any], number: int, revision: str) -> Json:
    """The Pod of a number, made of a template at a revision."""
    pod = from_template(stateful_set, template)
    metadata = pod["metadata"]
    name = f"{stateful_set['metadata']['name']}-{number}"
    marked = {**(metadata.get("labels") or {}), POD_NAME: name, POD_INDEX: str(number), HASH: revision}
    spec = {**pod["spec"], "hostname": name}
    if service := stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = service
    templates = stateful_set["spec"].get("volumeClaimTemplates") or ()
    if templates:
        own = [
            {
                "name": each["metadata"]["name"],
                "persistentVolumeClaim": {"claimName": claim_name(stateful_set, each, number)},
            }
            for each in templates
        ]
        names = {each["name"] for each in own}
        spec["volumes"] = own + [volume for volume in spec.get("volumes") or () if volume["name"] not in names]
    return {**pod, "metadata": {**metadata, "name": name, "labels": marked}, "spec": spec}


def claim_name(stateful_set: Mapping[str, Any], template: Mapping[str, Any], number: int) -> str:
    """The name of the claim that a template gives to the Pod of a number."""
    return f"{template['metadata']['name']}-{stateful_set['metadata']['name']}-{number}"


def new_claims(stateful_set: Mapping[str, Any], number: int) -> list[Json]:
    """The claims that the Pod of a number needs."""
    metadata, spec = stateful_set["metadata"], stateful_set["spec"]
    selected = (spec.get("selector") or {}).get("matchLabels") or {}
    claims = []
    for template in spec.get("volumeClaimTemplates") or ():
        given = template["metadata"]
        new = {
            "name": claim_name(stateful_set, template, number),
            "namespace": metadata["namespace"],
            "labels": {**(given.get("labels") or {}), **selected},
        }
        if given.get("annotations"):
            new["annotations"] = given["annotations"]
        claims.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": new, "spec": template["spec"]})
    return claims


def claim_owners(stateful_set: Json, pod: Json | None, claim: Mapping[str, Any], *, stays: bool) -> Sequence[Json]:
    """The owner references of a claim by the set's retention policy. Args: stays: the Pod is within the set's size.

    Claims that something else controls, or an object of the same name that is gone, are left as they are.
    """
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    refs = claim["metadata"].get("ownerReferences") or []
    ours = {stateful_set["metadata"]["uid"], *([pod["metadata"]["uid"]] if pod else [])}
    if any(ref.get("controller") and ref["uid"] not in ours for ref in refs):
        return refs
    others = [ref for ref in refs if ref["uid"] not in ours]
    if policy.get("whenScaled") == "Delete" and not stays:
        return [*others, reference_to(pod)] if pod else refs
    return [*others, reference_to(stateful_set)] if policy.get("whenDeleted") == "Delete" else others
