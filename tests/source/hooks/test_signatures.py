"""Signatures: the right one, a wrong one, none, several secrets, and secrets that are none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from todoke.model.webhooks import NotSigned, keys_of
from todoke.source.hooks.events import receive

URL = "https://git.example.org/shop.git"
SECRET = "correct horse"
NEW, OLD = "b" * 40, "a" * 40
BODIES = {
    "github": {
        "ref": "refs/heads/main",
        "before": OLD,
        "after": NEW,
        "repository": {"clone_url": URL},
        "commits": [{"id": NEW, "added": ["web.yaml"], "removed": None, "modified": []}],
        "total_commits": 1,
    },
    "gitlab": {"ref": "refs/heads/main", "after": NEW, "project": {"git_http_url": URL}},
    "bitbucket": {
        "push": {"changes": [{"new": {"name": "main"}}]},
        "repository": {"links": {"html": {"href": URL}}},
    },
    "bitbucketserver": {
        "changes": [{"ref": {"id": "refs/heads/main"}, "toHash": NEW}],
        "repository": {"links": {"clone": [{"href": URL}]}},
    },
    "azuredevops": {
        "eventType": "git.push",
        "resource": {"refUpdates": [{"name": "refs/heads/main"}], "repository": {"remoteUrl": URL}},
    },
    "generic": {"repository": URL},
}
BODIES["gogs"] = BODIES["github"]
EVENTS = {
    "github": {"X-GitHub-Event": "push"},
    "gitlab": {"X-Gitlab-Event": "Push Hook"},
    "bitbucket": {"X-Event-Key": "repo:push"},
    "bitbucketserver": {"X-Event-Key": "repo:refs_changed"},
    "gogs": {"X-Gitea-Event": "push", "X-GitHub-Event": "push"},
    "azuredevops": {"X-Vss-Activityid": "1"},
    "generic": {"X-Todoke-Event": "push"},
}
KEYS = {name: {f"webhook.{name}.secret": SECRET} for name in BODIES} | {
    "bitbucket": {"webhook.bitbucket.uuid": SECRET},
    "azuredevops": {"webhook.azuredevops.username": "hana", "webhook.azuredevops.password": SECRET},
}
PROVIDERS = pytest.mark.parametrize("provider", sorted(BODIES))


def body(provider: str) -> bytes:
    return json.dumps(BODIES[provider]).encode()


def digest(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def proof(provider: str, secret: str = SECRET, data: bytes | None = None) -> dict[str, str]:
    """The header by which a forge proves that it knows a secret."""
    sum_ = digest(secret, body(provider) if data is None else data)
    return {
        "github": {"X-Hub-Signature-256": f"sha256={sum_}"},
        "gitlab": {"X-Gitlab-Token": secret},
        "bitbucket": {"X-Hook-UUID": secret},
        "bitbucketserver": {"X-Hub-Signature": f"sha256={sum_}"},
        "gogs": {"X-Gogs-Signature": sum_},
        "azuredevops": {"Authorization": "Basic " + base64.b64encode(f"hana:{secret}".encode()).decode()},
        "generic": {"Authorization": f"Bearer {secret}"},
    }[provider]


def secrets(*texts: dict[str, str]) -> list[dict]:
    """Secrets as the cluster holds them, decoded."""
    return [keys_of({key: base64.b64encode(text.encode()).decode() for key, text in one.items()}) for one in texts]


@PROVIDERS
def test_the_right_secret(provider: str) -> None:
    event = receive(EVENTS[provider] | proof(provider), body(provider), secrets(KEYS[provider]))
    assert (event.provider, event.signed, len(event.pushes)) == (provider, True, 1)


@PROVIDERS
def test_a_wrong_secret(provider: str) -> None:
    with pytest.raises(NotSigned) as refused:
        receive(EVENTS[provider] | proof(provider, "battery staple"), body(provider), secrets(KEYS[provider]))
    assert next(iter(KEYS[provider])) in str(refused.value)
    assert SECRET not in str(refused.value)


@PROVIDERS
def test_no_proof_at_all(provider: str) -> None:
    with pytest.raises(NotSigned):
        receive(EVENTS[provider], body(provider), secrets(KEYS[provider]))


@pytest.mark.parametrize("provider", ["github", "bitbucketserver", "gogs"])
def test_a_signature_is_of_one_body_alone(provider: str) -> None:
    with pytest.raises(NotSigned):
        receive(EVENTS[provider] | proof(provider, data=b"{}"), body(provider), secrets(KEYS[provider]))


@PROVIDERS
def test_one_of_two_secrets_is_enough(provider: str) -> None:
    other = {key: "battery staple" for key in KEYS[provider] if not key.endswith("username")}
    both = secrets(KEYS[provider], {"webhook.azuredevops.username": "hana"} | other)
    for secret in (SECRET, "battery staple"):
        assert receive(EVENTS[provider] | proof(provider, secret), body(provider), both).signed
    with pytest.raises(NotSigned):
        receive(EVENTS[provider] | proof(provider, "a third"), body(provider), both)


@PROVIDERS
def test_without_a_secret_an_event_is_taken_but_not_its_files(provider: str) -> None:
    others = {key: "x" for name in KEYS if name != provider for key in KEYS[name] if key not in KEYS[provider]}
    event = receive(EVENTS[provider] | proof(provider), body(provider), secrets(others, {"password": "x"}))
    assert not event.signed
    assert [push.changed for push in event.pushes] == [None]


@pytest.mark.parametrize("provider", ["github", "gogs"])
def test_files_of_a_signed_event_are_believed(provider: str) -> None:
    event = receive(EVENTS[provider] | proof(provider), body(provider), secrets(KEYS[provider]))
    assert event.pushes[0].changed == ("web.yaml",)


def test_the_generic_form_may_be_signed_as_well() -> None:
    signed = EVENTS["generic"] | {"X-Todoke-Signature-256": f"sha256={digest(SECRET, body('generic'))}"}
    assert receive(signed, body("generic"), secrets(KEYS["generic"])).signed


def test_an_editors_line_end_is_no_part_of_a_secret_and_an_empty_one_is_none() -> None:
    assert receive(
        EVENTS["gitlab"] | proof("gitlab"), body("gitlab"), secrets({"webhook.gitlab.secret": f"{SECRET}\n"})
    ).signed
    assert not receive(EVENTS["gitlab"], body("gitlab"), secrets({"webhook.gitlab.secret": "\n"})).signed


def test_a_reference_to_another_secret_is_never_the_secret() -> None:
    reference = "$webhooks:github"
    with pytest.raises(NotSigned, match="reference"):
        receive(
            EVENTS["github"] | proof("github", reference), body("github"), secrets({"webhook.github.secret": reference})
        )


@pytest.mark.parametrize(
    "value", ["", "sha256=", "sha1=abc", "é", "\udcff", "Basic !!!", "Basic é", "Bearer", "Bearer "]
)
@PROVIDERS
def test_odd_proofs_are_wrong_ones(provider: str, value: str) -> None:
    odd = dict.fromkeys(["Authorization", *proof(provider), "X-Todoke-Signature-256"], value)
    with pytest.raises(NotSigned):
        receive(EVENTS[provider] | odd, body(provider), secrets(KEYS[provider]))


def test_bitbucket_server_does_not_sign_its_ping() -> None:
    held = secrets(KEYS["bitbucketserver"])
    assert receive({"X-Event-Key": "diagnostics:ping"}, b'{"test": true}', held).pushes == ()
    with pytest.raises(NotSigned):
        receive({"X-GitHub-Event": "ping"}, b"{}", secrets(KEYS["github"]))


def test_a_secret_never_shows_itself() -> None:
    assert SECRET not in repr(secrets(KEYS["github"]))
