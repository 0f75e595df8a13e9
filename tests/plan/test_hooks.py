"""Which objects are hooks, in which phase and order, under which name, and what is left of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from todoke.model.health import Health, HealthState
from todoke.model.objects import Manifest, ObjectKey, encode
from todoke.plan.hooks import hook_types, hooks_of, leftovers, verdict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def manifest(name: str, **marks: str) -> Manifest:
    """A Job; keywords are annotations, `argo__hook` stands for `argocd.argoproj.io/hook`, `helm__hook` for Helm's."""
    domains = {"argo": "argocd.argoproj.io", "helm": "helm.sh"}
    annotations = {}
    for mark, value in marks.items():
        domain, _, rest = mark.partition("__")
        annotations[f"{domains[domain]}/{rest.replace('_', '-')}"] = value
    body: dict[str, Any] = {"metadata": {"name": name, "annotations": annotations}}
    return Manifest(ObjectKey("batch", "Job", "shop", name), "v1", encode(body))


@pytest.mark.parametrize(
    ("marks", "types"),
    [
        ({}, ()),
        ({"argo__hook": "PreSync,PostSync"}, ("PreSync", "PostSync")),
        ({"argo__hook": "Skip"}, ("Skip",)),
        ({"helm__hook": "crd-install"}, ()),
        ({"helm__hook": "test"}, ("test",)),
        ({"argo__hook": "Sync", "helm__hook": "pre-install"}, ("Sync",)),
    ],
)
def test_hook_types(marks, types):
    assert hook_types(manifest("one", **marks).body) == types


def test_hooks_come_by_wave_and_helms_weight_is_a_wave():
    late = manifest("late", argo__hook="PreSync", argo__sync_wave="2")
    early = manifest("early", helm__hook="pre-install,pre-upgrade", helm__hook_weight="-5")

    found = hooks_of([late, early], "abc", NOON)

    assert [(h.phase, h.wave, h.manifest.key.name) for h in found] == [("PreSync", -5, "early"), ("PreSync", 2, "late")]


def test_types_that_are_no_phase_never_run():
    assert hooks_of([manifest("a", argo__hook="Skip"), manifest("b", helm__hook="test")], "abc", NOON) == ()


def test_a_generated_name_tells_revision_phase_and_time():
    body = {
        "metadata": {"name": "smoke-", "generateName": "smoke-", "annotations": {"argocd.argoproj.io/hook": "PostSync"}}
    }
    prefix = Manifest(ObjectKey("batch", "Job", "shop", "smoke-"), "v1", encode(body))

    (hook,) = hooks_of([prefix], "0123456789abcdef", NOON)

    assert hook.manifest.key.name == "smoke-0123456-postsync-1767268800"
    assert hook.manifest.body["metadata"]["name"] == hook.manifest.key.name


@pytest.mark.parametrize(
    ("health", "there", "phase"),
    [
        (None, True, "Succeeded"),
        (Health(HealthState.HEALTHY), True, "Succeeded"),
        (Health(HealthState.PROGRESSING), True, "Running"),
        (Health(HealthState.SUSPENDED), True, "Running"),
        (Health(HealthState.DEGRADED), True, "Failed"),
        (None, False, "Error"),
    ],
)
def test_how_a_started_hook_stands(health, there, phase):
    assert verdict(health, there=there)[0] == phase


def test_hooks_are_deleted_as_their_policy_says():
    swept = manifest("swept", argo__hook="Sync", argo__hook_delete_policy="HookSucceeded,HookFailed")
    kept = manifest("kept", argo__hook="Sync")

    hooks = hooks_of([swept, kept], "abc", NOON)

    assert [h.manifest.key.name for h in leftovers(hooks, succeeded=True)] == ["swept"]
    assert [h.manifest.key.name for h in leftovers(hooks, succeeded=False)] == ["swept"]
