"""What changes hands before an apply, decided on values."""

from todoke.compare.drift import compare
from todoke.compare.ownership import HANDOVER, hand_over, taken_from


def entry(manager: str, fields: dict, operation: str = "Update", **more) -> dict:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields} | more


def live(*entries: dict, **fields) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": list(entries)}} | fields


COLOR, SIZE = {"f:data": {"f:color": {}}}, {"f:data": {"f:size": {}}}


def test_nothing_changes_hands_when_only_we_hold_fields():
    hand = hand_over(live(entry("todoke", COLOR, "Apply"), data={"color": "blue"}), {"data": {"color": "red"}}, None)

    assert hand.managed_fields is None


def test_what_kubectl_apply_held_becomes_ours():
    found = live(entry("kubectl-client-side-apply", {"f:data": {"f:color": {}, "f:old": {}}}), data={"old": "1"})

    hand = hand_over(found, {"data": {"color": "blue"}}, None)

    (ours,) = hand.managed_fields
    assert ours["manager"] == "todoke"
    assert ours["fieldsV1"] == {"f:data": {"f:color": {}, "f:old": {}}}
    assert hand.reasons == ("takes over the fields of kubectl-client-side-apply",)


def test_argo_cds_manager_is_a_former_self_only_of_an_adopted_application():
    found = live(entry("argocd-controller", COLOR, "Apply"), data={"color": "blue"})

    assert hand_over(found, {"data": {"color": "blue"}}, None).managed_fields is None
    assert hand_over(found, {"data": {"color": "blue"}}, None, adopted=True).managed_fields is not None


def test_a_dropped_field_is_taken_from_an_editor_and_left_with_a_controller():
    before, desired = {"data": {"color": "blue", "size": "big"}}, {"data": {"color": "blue"}}
    edited = live(entry("todoke", COLOR, "Apply"), entry("kubectl-edit", SIZE), data={"color": "blue", "size": "1"})
    operated = live(entry("todoke", COLOR, "Apply"), entry("operator", SIZE), data={"color": "blue", "size": "1"})

    taken, left = hand_over(edited, desired, before), hand_over(operated, desired, before)

    assert taken.reasons == ("takes .data.size from kubectl-edit",)
    assert [e["manager"] for e in taken.managed_fields] == ["todoke"]
    assert left.managed_fields is None
    assert [(kept.at, kept.manager) for kept in left.kept] == [(".data.size", "operator")]


def test_replicas_are_handed_to_the_autoscaler_only_when_there_is_one():
    found = live(entry("todoke", {"f:spec": {"f:replicas": {}}}, "Apply"), spec={"replicas": 3})

    scaled, alone = hand_over(found, {"spec": {}}, None, scaled=True), hand_over(found, {"spec": {}}, None)

    assert {e["manager"] for e in scaled.managed_fields} == {HANDOVER, "todoke"}
    assert alone.managed_fields is None


def test_a_status_entry_never_changes_hands():
    found = live(entry("kubectl-client-side-apply", COLOR, subresource="status"), data={"color": "blue"})

    assert hand_over(found, {"data": {"color": "blue"}}, None).managed_fields is None


def test_the_plan_can_say_from_whom_a_value_is_taken():
    found = live(entry("kubectl-scale", COLOR), data={"color": "red"})

    taken = taken_from(found, compare({"data": {"color": "blue"}}, COLOR, found))

    assert [(t.at, t.manager) for t in taken] == [(".data.color", "kubectl-scale")]
