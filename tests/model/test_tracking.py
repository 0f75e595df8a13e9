"""Tracking ids: what is written is read back, whatever the names hold."""

import pytest

from todoke.model.objects import ObjectKey
from todoke.model.tracking import claimant, tracking_id


@pytest.mark.parametrize(
    "key",
    [
        ObjectKey("", "ConfigMap", "shop", "web"),
        ObjectKey("apps", "Deployment", "other", "web"),
        ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "system:shop:reader"),
        ObjectKey("rbac.authorization.k8s.io", "RoleBinding", "shop", "shop:reader"),
        ObjectKey("apiextensions.k8s.io", "CustomResourceDefinition", "", "things.example.org"),
    ],
)
@pytest.mark.parametrize("instance", ["shop", "team-a_shop"])
def test_an_id_claims_the_object_that_it_was_written_for(key: ObjectKey, instance: str):
    assert claimant(tracking_id(instance, key, "shop"), key) == instance


@pytest.mark.parametrize(
    "other",
    [
        ObjectKey("", "ConfigMap", "shop", "copy"),
        ObjectKey("", "ConfigMap", "elsewhere", "web"),
        ObjectKey("", "Secret", "shop", "web"),
    ],
)
def test_an_id_that_was_copied_claims_nothing(other: ObjectKey):
    assert claimant(tracking_id("shop", ObjectKey("", "ConfigMap", "shop", "web"), "shop"), other) == ""


@pytest.mark.parametrize(
    "text", ["", "shop", "shop:", "shop:/ConfigMap", "shop:/ConfigMap:web", ":/ConfigMap:shop/web"]
)
def test_a_text_that_is_no_id_claims_nothing(text: str):
    assert claimant(text, ObjectKey("", "ConfigMap", "shop", "web")) == ""
