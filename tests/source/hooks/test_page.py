"""The reference of webhooks: what it names is what is understood."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from todoke.model.credentials import SecretText
from todoke.model.webhooks import NotSigned
from todoke.source.hooks.events import receive

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "webhooks.md").read_text()
ROWS = [
    [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[2:5]]
    for line in PAGE.splitlines()
    if "`webhook." in line and line.startswith("|")
]


def test_there_are_rows() -> None:
    assert len(ROWS) == 7


@pytest.mark.parametrize(
    ("header", "keys"),
    [(name, keys) for names, _, keys in ROWS for name in names if name.startswith("X-") and name != "X-Event-Key"]
    + [("X-Event-Key", ["webhook.bitbucketserver.secret"])],
)
def test_a_header_and_the_keys_beside_it_belong_together(header: str, keys: list[str]) -> None:
    """Bitbucket's two products share a header, and only one of them sends the other."""
    headers = {"X-Event-Key": "repo:refs_changed", header: "repo:refs_changed"}
    with pytest.raises(NotSigned) as refused:
        receive(headers, b"{}", [{key: SecretText("right") for key in keys}])
    assert f"is not signed with {' and '.join(keys)} of" in str(refused.value)


def test_the_example_is_understood() -> None:
    (body,) = re.findall(r"-d '(\{.*\})'", PAGE)
    headers = {"X-Todoke-Event": "push", "Authorization": "Bearer right"}
    event = receive(headers, body.encode(), [{"webhook.generic.secret": SecretText("right")}])
    (push,) = event.pushes
    assert (event.signed, push.urls, push.ref) == (
        True,
        ("https://git.example.org/acme/manifests.git",),
        "refs/heads/main",
    )


def test_a_signature_by_sha_1_is_not_taken() -> None:
    sha_1 = hmac.new(b"right", b"{}", hashlib.sha1).hexdigest()
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature": f"sha1={sha_1}", "X-Hub-Signature-256": f"sha1={sha_1}"}
    with pytest.raises(NotSigned):
        receive(headers, b"{}", [{"webhook.github.secret": SecretText("right")}])
