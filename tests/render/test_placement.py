"""Namespaces and marks of what is sent."""

from __future__ import annotations

import pytest

from todoke.model.errors import Blocked
from todoke.model.objects import Manifest, ObjectKey, encode
from todoke.model.renderings import Stamp
from todoke.model.tracking import TRACKING_ID, claimant
from todoke.render.placement import place

STAMP = Stamp("argocd_shop", "shop-ns")


def manifest(namespace: str = "", kind: str = "ConfigMap", group: str = "", **metadata: object) -> Manifest:
    given = {"name": "one", **({"namespace": namespace} if namespace else {}), **metadata}
    body = {"apiVersion": f"{group}/v1".lstrip("/"), "kind": kind, "metadata": given}
    return Manifest(ObjectKey(group, kind, namespace, "one"), "v1", encode(body), "a.yaml")


@pytest.mark.parametrize(
    ("written", "namespaced", "expected"),
    [
        ("", True, "shop-ns"),
        ("other", True, "other"),
        ("", None, "shop-ns"),
        ("other", None, "other"),
        ("", False, ""),
        ("other", False, ""),
    ],
)
def test_the_namespace_follows_the_scope(written: str, namespaced: bool | None, expected: str) -> None:
    placed = place(manifest(written), namespaced, STAMP)
    assert placed.key == ObjectKey("", "ConfigMap", expected, "one")
    assert placed.body["metadata"].get("namespace", "") == expected
    assert (placed.origin, placed.version) == ("a.yaml", "v1")


def test_an_object_bears_the_mark_of_its_application() -> None:
    placed = place(manifest(annotations={"mine": "kept", TRACKING_ID: "thief:/ConfigMap:x/one"}), True, STAMP)
    written = placed.body["metadata"]["annotations"]
    assert written == {"mine": "kept", TRACKING_ID: "argocd_shop:/ConfigMap:shop-ns/one"}
    assert claimant(written[TRACKING_ID], placed.key) == "argocd_shop"


def test_a_cluster_scoped_object_is_marked_with_the_destinations_namespace() -> None:
    placed = place(manifest(kind="ClusterRole", group="rbac.authorization.k8s.io"), False, STAMP)
    expected = "argocd_shop:rbac.authorization.k8s.io/ClusterRole:shop-ns/one"
    assert placed.body["metadata"]["annotations"][TRACKING_ID] == expected


def test_a_definition_is_marked_too_so_that_it_can_be_pruned() -> None:
    placed = place(manifest(kind="CustomResourceDefinition", group="apiextensions.k8s.io"), False, STAMP)
    assert TRACKING_ID in placed.body["metadata"]["annotations"]


def test_installation_and_label_are_added_when_they_are_set() -> None:
    stamp = Stamp("a" * 62 + "-b", "ns", installation="east", label_key="app.kubernetes.io/instance")
    metadata = place(manifest(annotations=None), True, stamp).body["metadata"]
    assert metadata["annotations"]["argocd.argoproj.io/installation-id"] == "east"
    assert metadata["labels"] == {"app.kubernetes.io/instance": "a" * 62}


def test_a_namespaced_object_without_any_namespace_is_blocked() -> None:
    with pytest.raises(Blocked, match=r"a\.yaml metadata\.namespace: is missing"):
        place(manifest(), True, Stamp("shop", ""))
    assert place(manifest(), None, Stamp("shop", "")).key.namespace == ""


def test_what_was_given_is_not_changed() -> None:
    given = manifest()
    before = given.raw
    place(given, True, STAMP)
    assert given.raw == before
