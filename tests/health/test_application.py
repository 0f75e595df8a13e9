"""From the health of the objects to that of the application."""

from todoke.health.application import ObjectHealth, application_health
from todoke.model.health import HEALTHY, Health, HealthState
from todoke.model.objects import ObjectKey


def deployment(name, state=HealthState.HEALTHY, message="", **rest):
    return ObjectHealth(ObjectKey("apps", "Deployment", "shop", name), Health(state, message), **rest)


def test_nothing_is_healthy():
    assert application_health(()) == HEALTHY


def test_the_worst_wins_and_is_named():
    found = application_health(
        [
            deployment("api", HealthState.PROGRESSING, "1 of 2 replicas available"),
            deployment("web", HealthState.DEGRADED, "progress deadline exceeded"),
            deployment("db"),
        ]
    )

    assert found == Health(HealthState.DEGRADED, "Deployment/shop/web: progress deadline exceeded")


def test_three_causes_are_named_in_order_and_the_others_counted():
    found = application_health(deployment(name, HealthState.PROGRESSING, "waits") for name in "edcba")

    assert found.message == ("Deployment/shop/a: waits; Deployment/shop/b: waits; Deployment/shop/c: waits; and 2 more")


def test_a_cause_without_a_message_is_named_by_its_state():
    found = application_health([deployment("web", HealthState.SUSPENDED)])

    assert found == Health(HealthState.SUSPENDED, "Deployment/shop/web: Suspended")


def test_kinds_without_health_do_not_count():
    settings = ObjectHealth(ObjectKey("", "ConfigMap", "shop", "settings"), None)

    assert application_health([settings, deployment("web")]) == HEALTHY


def test_one_missing_object_does_not_make_the_application_missing():
    missing = deployment("web", HealthState.MISSING, live=False)

    assert application_health([missing, deployment("api")]) == HEALTHY


def test_all_objects_missing_make_the_application_missing():
    missing = [deployment(name, HealthState.MISSING, live=False) for name in ("web", "api")]

    assert application_health(missing) == Health(HealthState.MISSING, "none of its 2 objects is in the cluster")


def test_what_the_user_ignores_does_not_count():
    assert application_health([deployment("web", HealthState.DEGRADED, ignored=True)]) == HEALTHY


def test_a_child_application_that_nobody_looked_at_does_not_count():
    child = ObjectKey("argoproj.io", "Application", "todoke", "shop")
    states = (HealthState.MISSING, HealthState.UNKNOWN, HealthState.PROGRESSING)
    found = [application_health([ObjectHealth(child, Health(state))]).state for state in states]

    assert found == [HealthState.HEALTHY, HealthState.HEALTHY, HealthState.PROGRESSING]
