"""Files as desired objects: what is taken, what is cleaned, what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from todoke.model.errors import Blocked
from todoke.model.objects import Manifest
from todoke.model.renderings import Rendering, Stamp
from todoke.model.sources import SourceFile
from todoke.render.directory import DirectoryRenderer

STAMP = Stamp("shop", "shop-ns")


def render(*texts: str | bytes, name: str = "file{}.yaml") -> Rendering:
    files = [
        SourceFile(name.format(number), text.encode() if isinstance(text, str) else text)
        for number, text in enumerate(texts, 1)
    ]
    return DirectoryRenderer().render(files, STAMP)


def only(*texts: str) -> Manifest:
    (manifest,) = render(*texts).manifests
    return manifest


def config(name: str = "one", more: str = "") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{more}"


def test_documents_keep_their_order_and_know_their_place() -> None:
    rendering = render(config("b"), f"---\n# first\n---\n{config('a')}---   # comment\n\n{config('c')}---\n")
    assert [(manifest.key.name, manifest.origin) for manifest in rendering.manifests] == [
        ("b", "file1.yaml"),
        ("a", "file2.yaml, document 1"),
        ("c", "file2.yaml, document 2"),
    ]
    assert rendering.warnings == ()


def test_a_manifest_is_canonical_json_and_its_key_has_the_namespace_as_written() -> None:
    manifest = only(
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {namespace: other, name: web}\nspec: {replicas: 1.0}"
    )
    assert manifest.raw == (
        b'{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"other"},"spec":{"replicas":1}}'
    )
    assert (manifest.key.group, manifest.version, manifest.key.namespace) == ("apps", "v1", "other")
    assert only(config()).key.namespace == ""


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    text = ("\ufeff" + config("a") + "---\n" + config("b")).replace("\n", "\r\n")
    assert [manifest.key.name for manifest in render(text).manifests] == ["a", "b"]


def test_nothing_is_in_empty_files() -> None:
    assert render("", "---\n---\n", "# comment\n", "null", "\n\n", "--- \n~") == Rendering(())


def test_json_files_hold_one_object() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    (manifest,) = render(json.dumps(body), name="x{}.json").manifests
    assert manifest.body == body
    for broken in ("[]", "{", json.dumps(body) * 2, "1", "", '{"a": NaN}', "[" * 100_000):
        with pytest.raises(Blocked, match=r"x1\.json: is not one JSON object"):
            render(broken, name="x{}.json")
    with pytest.raises(Blocked, match="nested more than 200"):
        render('{"a":' * 300 + "1" + "}" * 300, name="x{}.json")


def test_a_file_with_the_marker_is_skipped_whole() -> None:
    assert render(f"# +argocd:skip-file-rendering\n{config()}\n--- broken: [") == Rendering(())


def test_lists_are_flattened() -> None:
    inner = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}}"
    rendering = render(
        f"apiVersion: v1\nkind: List\nitems: [{inner % 'a'}, {{apiVersion: v1, kind: List, items: [{inner % 'b'}]}}]",
        "apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: c}}]",
        "apiVersion: v1\nkind: List\nitems: null",
        "apiVersion: v1\nkind: List\nmetadata: {}\nitems: []",
    )
    assert [(manifest.key.name, manifest.origin) for manifest in rendering.manifests] == [
        ("a", "file1.yaml, item 1"),
        ("b", "file1.yaml, item 2, item 1"),
        ("c", "file2.yaml, item 1"),
    ]
    assert {manifest.key.kind for manifest in rendering.manifests} == {"ConfigMap"}


def test_a_kind_that_ends_in_list_but_has_no_items_is_an_object() -> None:
    assert only("apiVersion: x.io/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}").key.kind == "AllowList"
    with pytest.raises(Blocked, match=r"item 1: is not an object"):
        render("apiVersion: v1\nkind: List\nitems: [1]")


def test_what_is_no_object_is_ignored_with_a_warning() -> None:
    rendering = render("replicas: 3", "- a\n- b", "a: [", "text", "{}", "kind:\n", "a: .inf")
    assert rendering.manifests == ()
    assert [warning.partition(":")[0] for warning in rendering.warnings] == [
        "file1.yaml is ignored",
        "file2.yaml is ignored",
        "file3.yaml, line 2 is ignored",
        "file4.yaml is ignored",
        "file5.yaml is ignored",
        "file6.yaml is ignored",
        "file7.yaml, line 1 is ignored",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{config()}---\n\n\n{config('two', 'data: [')}", r"file1\.yaml, document 2, line 13: .*Correct the YAML"),
        ("kind: ConfigMap\nmetadata: {name: a}", r"file1\.yaml apiVersion: is missing"),
        ("apiVersion: v1\nmetadata: {name: a}\nx: 'kind: y'", r"file1\.yaml kind: is missing"),
        ("apiVersion: v1\nkind: ConfigMap", r"file1\.yaml metadata: is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: x", r"metadata: is not a map"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}", r"metadata\.name: is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 12}", r"metadata\.name: is not a text.*quotes"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: 12}", r"metadata\.namespace: is not a text"),
        ("apiVersion: 1\nkind: ConfigMap\nmetadata: {name: a}", r"apiVersion: is not a text"),
        ("apiVersion: v1\nkind: [x]\nmetadata: {name: a}", r"kind: is not a text"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}",
            r"metadata\.generateName: is supported for hooks only",
        ),
        (config(more="  labels: {a: true}"), r"metadata\.labels\.a: is not a text.*quotes"),
        (config(more="  annotations: {a: }"), r"metadata\.annotations\.a: is null"),
        (config(more="  annotations: [a]"), r"metadata\.annotations: is not a map"),
        (f"{config()}---extra\n{config('b')}", r'file1\.yaml, line 5: "---extra" does not separate documents'),
        (
            f"{config()}---\n{config()}",
            r"document 2: ConfigMap/shop-ns/one is already defined in file1\.yaml, document 1",
        ),
        (f"{config()}---\n{config(more='  namespace: shop-ns')}", r"is already defined in file1\.yaml, document 1"),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\n"
            "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a}",
            "already defined",
        ),
    ],
)
def test_what_is_refused_names_the_place_and_the_field(text: str, message: str) -> None:
    with pytest.raises(Blocked, match=message):
        render(text)


def test_one_name_in_two_namespaces_or_groups_is_no_duplicate() -> None:
    texts = [config(), config(more="  namespace: other"), config().replace("v1", "x.io/v1")]
    assert len(render(*texts).manifests) == 3


def body_of(text: str) -> dict[str, Any]:
    return only(text).body


def test_string_data_is_folded_into_data() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
    text = secret + "data: {a: b2xk, b: a2VwdA==}\nstringData: {a: new, c: 'é', d: }"
    assert body_of(text)["data"] == {
        "a": base64.b64encode(b"new").decode(),
        "b": "a2VwdA==",
        "c": base64.b64encode("é".encode()).decode(),
        "d": "",
    }
    assert "stringData" not in body_of(text)
    assert "data" not in body_of(secret + "stringData: {}")
    with pytest.raises(Blocked, match=r"stringData\.pin: is a number or a boolean") as caught:
        render(secret + "stringData: {pin: 4711}")
    assert "4711" not in str(caught.value)
    with pytest.raises(Blocked, match="stringData: must be a map"):
        render(secret + "stringData: [a]")
    assert "stringData" in body_of(secret.replace("v1", "x.io/v1", 1) + "stringData: {a: b}")


def test_status_and_null_timestamps_go_silently_and_server_fields_with_a_warning() -> None:
    text = (
        config(more="  creationTimestamp: null\n  uid: u-1\n  resourceVersion: '7'\n  managedFields: []\n")
        + "status: {phase: x}\nspec: {template: {metadata: {creationTimestamp: null, labels: {a: b}}, l: [{metadata: "
        + "{creationTimestamp: null}}]}, creationTimestamp: null}"
    )
    rendering = render(text)
    assert rendering.manifests[0].body == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "one"},
        "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "l": [{"metadata": {}}]}, "creationTimestamp": None},
    }
    assert rendering.warnings == (
        "file1.yaml: left out what the server sets: metadata.managedFields, metadata.resourceVersion, metadata.uid",
    )
    assert "creationTimestamp" not in body_of(config(more="  creationTimestamp: 2020-01-01T00:00:00Z"))["metadata"]


def test_a_two_megabyte_config_map_passes_unchanged() -> None:
    content = "line\n" * 400_000
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"x": content}})
    assert body_of(text)["data"]["x"] == content


def test_numbers_survive_as_written() -> None:
    text = config(more="data: {}\n") + "spec: {big: 9007199254740993, octal: 0644, ratio: 0.1, port: '80'}"
    assert b'"spec":{"big":9007199254740993,"octal":420,"port":"80","ratio":0.1}' in only(text).raw
    assert msgspec.json.decode(only(text).raw)["spec"]["big"] == 9007199254740993


@pytest.mark.parametrize("value", ["31337", "[hunter2]", "{a: hunter2}"])
def test_data_of_a_secret_that_is_no_text_is_refused_without_its_value(value: str) -> None:
    """The API server would refuse it too, with the value in its message."""
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\ndata: {{password: {value}}}\n"
    with pytest.raises(Blocked, match=r"data.password: is not a text") as refused:
        render(text)
    assert "hunter2" not in str(refused.value)
    assert "31337" not in str(refused.value)
