"""What a plugin is told by its environment, case by case as Argo CD tells it."""

from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.fake_tree import FakeTree
from tests.render.plugins.kitchen import CONTEXT, REVISION, source
from todoke.model.errors import Blocked
from todoke.model.renderings import Checkout
from todoke.render.plugins.environment import environment, masked, secrets_of
from todoke.render.reader import Reader

BUILD = {
    "ARGOCD_APP_NAME": "shop",
    "ARGOCD_APP_NAMESPACE": "shop-space",
    "ARGOCD_APP_PROJECT_NAME": "green",
    "ARGOCD_APP_REVISION": REVISION,
    "ARGOCD_APP_REVISION_SHORT": "0123456",
    "ARGOCD_APP_REVISION_SHORT_8": "01234567",
    "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example.com/shop",
    "ARGOCD_APP_SOURCE_PATH": "app",
    "ARGOCD_APP_SOURCE_TARGET_REVISION": "main",
    "KUBE_VERSION": "1.33.0",
    "KUBE_API_VERSIONS": "v1,apps/v1",
}


def _told(block: dict[str, Any] | None) -> tuple[dict[str, str], Reader]:
    fields = {"targetRevision": "main", **({"plugin": block} if block is not None else {})}
    reader = Reader(Checkout(source(**fields), FakeTree({"app/a": ""}), REVISION), CONTEXT, "the source")
    return environment(reader, CONTEXT), reader


@cases(Path(__file__).with_name("environment_cases"))
def test_environment(case: dict[str, Any]):
    if "error" in case:
        with pytest.raises(Blocked) as caught:
            _told(case["plugin"])
        assert case["error"] in str(caught.value)
        return
    assert _told(case["plugin"])[0] == {**BUILD, **case["told"]}


def test_all_of_the_build_environment_counts_as_looked_at():
    _, reader = _told(None)
    assert {(look.path, look.answer) for look in reader.looks if look.intent == "variable"} == set(BUILD.items())


def test_what_is_public_or_short_is_no_secret():
    block = {"env": [{"name": name, "value": value} for name, value in _numbered(["true", "abc", "$ARGOCD_APP_NAME"])]}
    told, reader = _told(block)
    secrets = secrets_of(reader.checkout.spec.plugin, told, BUILD)
    assert masked("true abc shop", secrets) == "true abc shop"


def test_a_secret_within_another_does_not_leave_the_rest_of_it():
    block = {"env": [{"name": name, "value": value} for name, value in _numbered(["pass", "password-1"])]}
    told, reader = _told(block)
    assert masked("say password-1, pass", secrets_of(reader.checkout.spec.plugin, told, BUILD)) == "say ***, ***"


def _numbered(values: list[str]) -> list[tuple[str, str]]:
    return [(f"V{number}", value) for number, value in enumerate(values)]
