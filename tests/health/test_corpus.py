"""Recorded cases of Argo CD's engine and of kstatus, in place."""

from datetime import UTC, datetime

from tests.cases import corpus_cases
from todoke.health.assess import assess

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

# kinds of ours whose rule is a script in Argo CD and a function here
_OURS = {"CronJob", "CustomResourceDefinition", "PodDisruptionBudget"}
_GROUPS = {"batch", "apiextensions.k8s.io", "policy"}


def _is_ours(case):
    return case["rule"] == "builtin" or (case["kind"] in _OURS and case["group"] in _GROUPS)


@corpus_cases("health/**/*.yaml", _is_ours)
def test_argo_health(case):
    found = assess(case["object"], NOON)

    assert (found.state.word if found else None) == case["expected"]["status"]


STATES = {"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded", "Terminating": "Progressing"}

# Where kstatus and Argo CD differ we answer as Argo CD does, because its users come with their sync waves.
ARGO_INSTEAD = {
    "TestStsStatus/stsLessCurrent": "Healthy",  # currentReplicas counts Pods of the old revision
    "TestDaemonsetStatus/dsBadStatus": "Healthy",  # nothing desired is nothing to wait for
    "TestDaemonsetStatus/dsLessReady": "Healthy",  # all are available
    "TestDeploymentStatus/depNotProgressing": "Healthy",  # only an exceeded deadline counts
    "TestServiceStatus/serviceLBok": "Progressing",  # an address of the load balancer, not of the cluster
    "TestCronJobStatus/cronjobNoStatus": "Progressing",
    "TestCronJobStatus/cronjobWithStatus": "Progressing",  # the recorded object has none
    "TestCRDGenericStatus/crdNoStatus": None,  # no status, no health: it does not count
}


@corpus_cases("kstatus/cases.yaml", lambda case: "object" in case)
def test_kstatus(case):
    found = assess(case["object"], NOON)

    expected = ARGO_INSTEAD.get(case["id"], STATES[case["expected"]["status"]])
    assert (found.state.word if found else None) == expected
