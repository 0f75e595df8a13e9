"""What differs between two renderings, as people read it."""

from __future__ import annotations

from typing import Any

from todoke.compare.manifests import changes, moved
from todoke.model.objects import Manifest, ObjectKey, encode
from todoke.model.reviews import ObjectChange


def manifest(kind: str, name: str, namespace: str = "", **content: Any) -> Manifest:
    """A v1 object; `labels` and `annotations` go into its metadata."""
    meta: dict[str, Any] = {"name": name} | ({"namespace": namespace} if namespace else {})
    meta |= {field: content.pop(field) for field in ("labels", "annotations") if field in content}
    body = {"apiVersion": "v1", "kind": kind, "metadata": meta, **content}
    return Manifest(ObjectKey("", kind, namespace, name), "v1", encode(body))


def said(found: tuple[ObjectChange, ...]) -> list[str]:
    return [f"{change.action} {change.key}" + (f" was {change.before}" if change.before else "") for change in found]


def test_objects_come_go_and_change() -> None:
    old = [manifest("ConfigMap", "a", data={"x": "1"}), manifest("ConfigMap", "b", data={"y": "1"})]
    new = [manifest("ConfigMap", "a", data={"x": "2"}), manifest("Service", "c", spec={"type": "ClusterIP"})]
    found = changes(old, new)
    assert said(found) == ["changed ConfigMap/a", "removed ConfigMap/b", "added Service/c"]
    assert found[0].old is not None
    assert found[0].new is not None
    assert (found[0].old["data"], found[0].new["data"]) == ({"x": "1"}, {"x": "2"})
    assert changes(old, old) == ()


def test_the_hash_at_the_end_of_a_name_is_no_other_object() -> None:
    old = [manifest("ConfigMap", "conf-4h2mbtbbt6", data={"a": "1"})]
    new = [manifest("ConfigMap", "conf-h29d89cmmt", data={"a": "completely", "b": "different"})]
    assert said(changes(old, new)) == ["changed ConfigMap/conf-h29d89cmmt was ConfigMap/conf-4h2mbtbbt6"]


def test_an_object_with_another_name_or_namespace_is_one_change_when_it_is_alike() -> None:
    data = {name: name for name in "abcdefgh"}
    old = [manifest("ConfigMap", "shop", "blue", data=data), manifest("Secret", "other", data={"q": "cQ=="})]
    new = [manifest("ConfigMap", "shop", "green", data=data | {"a": "changed"})]
    assert said(changes(old, new)) == [
        "changed ConfigMap/green/shop was ConfigMap/blue/shop",
        "removed Secret/other",
    ]
    unlike = [manifest("ConfigMap", "shop", "green", data={"z": "1"})]
    assert said(changes(old[:1], unlike)) == ["removed ConfigMap/blue/shop", "added ConfigMap/green/shop"]


def test_values_of_secrets_are_masked_and_still_seen_to_differ() -> None:
    old = manifest("Secret", "s", data={"same": "czE=", "other": "czI=", "gone": "czM="}, stringData={"t": "geheim"})
    new = manifest("Secret", "s", data={"same": "czE=", "other": "bmV1", "new": "bg=="}, stringData={"t": "anders"})
    (change,) = changes([old], [new])
    assert change.old is not None
    assert change.new is not None
    assert change.old["data"] == {"same": "++++++++", "other": "++++++++", "gone": "++++++++"}
    assert change.new["data"] == {"same": "++++++++", "other": "++++++++++++", "new": "++++++++"}
    assert (change.old["stringData"], change.new["stringData"]) == ({"t": "++++++++"}, {"t": "++++++++++++"})
    for found in (changes([], [new]), changes([old], [])):
        assert "geheim" not in str(found)
        assert "anders" not in str(found)
        assert "bmV1" not in str(found)


def test_the_copy_of_a_secret_in_an_annotation_is_masked() -> None:
    copy = {"kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"t":"geheim"}}'}
    assert "geheim" not in str(changes([], [manifest("Secret", "s", annotations=copy)]))


def test_chart_labels_and_checksums_are_folded() -> None:
    def deployment(chart: str, checksum: str, image: str) -> Manifest:
        template = {"metadata": {"annotations": {"checksum/config": checksum}}, "spec": {"image": image}}
        return manifest("Deployment", "web", labels={"helm.sh/chart": chart, "app": "web"}, spec={"template": template})

    (quiet,) = changes([deployment("shop-1", "aa", "web:1")], [deployment("shop-2", "bb", "web:1")])
    assert quiet.is_noise
    assert quiet.folded == ("label helm.sh/chart", "annotation checksum/config")
    (loud,) = changes([deployment("shop-1", "aa", "web:1")], [deployment("shop-2", "bb", "web:2")])
    assert not loud.is_noise
    assert loud.new is not None
    assert loud.new["metadata"]["labels"]["helm.sh/chart"] == "shop-1"
    assert loud.new["spec"]["template"]["spec"] == {"image": "web:2"}


def test_a_label_that_only_looks_like_noise_is_told() -> None:
    (change,) = changes(
        [manifest("ConfigMap", "a", labels={"charted": "1"})], [manifest("ConfigMap", "a", labels={"charted": "2"})]
    )
    assert not change.is_noise


def test_a_moved_object_shows_what_changed_on_the_way() -> None:
    (away,) = changes([manifest("ConfigMap", "a", data={"x": "1"})], [])
    (here,) = changes([], [manifest("ConfigMap", "a", data={"x": "2"})])
    found = moved(away, here)
    assert found.action == "moved here"
    assert found.old is not None
    assert found.old["data"] == {"x": "1"}
