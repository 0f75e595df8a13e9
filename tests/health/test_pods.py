"""Each file in pods/ is a Pod and the one line that says what is the matter with it."""

from pathlib import Path

from tests.cases import cases
from todoke.health.pods import LONGEST, pod_trouble, trouble_of, worst_trouble


def pod(name, reason, message=""):
    waiting = {"name": "web", "state": {"waiting": {"reason": reason, "message": message}}}
    return {"metadata": {"name": name}, "status": {"phase": "Pending", "containerStatuses": [waiting]}}


@cases(Path(__file__).parent / "pods")
def test_trouble(case):
    assert pod_trouble(case["pod"]) == case["reason"]


def test_the_worst_of_many_pods_is_the_one_that_waiting_will_not_mend():
    pods = [pod("a", "CrashLoopBackOff"), pod("b", "ContainerCreating"), pod("c", "InvalidImageName")]

    assert worst_trouble(pods) == 'Pod c: container "web": InvalidImageName'


def test_of_equal_troubles_the_first_by_name_is_told():
    assert worst_trouble([pod("b", "ErrImagePull"), pod("a", "ErrImagePull")]) == 'Pod a: container "web": ErrImagePull'


def test_no_pods_no_trouble():
    assert worst_trouble(()) is None


def test_a_long_reason_is_cut():
    trouble = trouble_of(pod("a", "CreateContainerError", "x" * 1000))

    assert len(trouble.reason) == LONGEST
    assert trouble.reason.endswith("x…")
