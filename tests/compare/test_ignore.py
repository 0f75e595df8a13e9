"""Fields a user told us to leave alone."""

from todoke.compare.ignore import keep_live_values, rules_for, strip
from todoke.model.deliverables import IgnoredFields
from todoke.model.objects import ObjectKey

WEB = ObjectKey("apps", "Deployment", "shop", "web")


def test_rules_are_found_by_glob_of_kind_and_exact_name():
    rules = (
        IgnoredFields("apps", "Deploy*"),
        IgnoredFields("*", "*", name="web"),
        IgnoredFields("apps", "Deployment", name="other"),
        IgnoredFields("", "Deployment"),
    )

    assert rules_for(WEB, rules) == rules[:2]


def test_pointers_are_taken_out_of_both_sides_also_inside_lists():
    wanted = {"spec": {"replicas": 1, "containers": [{"image": "a", "name": "x"}]}, "a/b": 1}
    live = {"spec": {"replicas": 4, "containers": [{"image": "b", "name": "x"}]}, "a/b": 2}
    rule = IgnoredFields(kind="*", pointers=("/spec/replicas", "/spec/containers/0/image", "/a~1b", "/no/such/path"))

    strip((wanted, live), [rule], live)

    assert wanted == live == {"spec": {"containers": [{"name": "x"}]}}


def test_respecting_means_that_the_live_value_is_sent():
    desired, live = {"spec": {"replicas": 1, "paused": True}}, {"spec": {"replicas": 4}, "status": {"x": 1}}
    rule = IgnoredFields(kind="*", pointers=("/spec/replicas", "/spec/paused", "/status/x", "/metadata/labels/a"))

    keep_live_values(desired, [rule], live | {"metadata": {"labels": {"a": "live"}}})

    assert desired == {"spec": {"replicas": 4}, "metadata": {"labels": {"a": "live"}}}
