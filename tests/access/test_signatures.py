"""Whose signature a project demands of which repository, and what it says to those that it finds."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.access.test_project import project_of
from tests.cases import cases
from todoke.access.project import unenforced
from todoke.access.signatures import Demand, demanded, refusal
from todoke.model.errors import Blocked
from todoke.model.signatures import Signature, State

KEY, LONG = "D56C4FCA57A46444", "19D01CEE78C243AA2FFBA7F0D56C4FCA57A46444"
DEMAND = Demand("shop", False, frozenset({KEY}), "spec.signatureKeys")
GOOD = Signature("commit 1f0c", "Taro <taro@example.org>", State.GOOD, LONG, (LONG, KEY))
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@cases(Path(__file__).parent / "signature_cases")
def test_what_a_project_demands(case):
    """`demands` lists for each URL the mode and keys, null for nothing, or words of the refusal."""
    project = project_of(case["project"])
    assert unenforced(project) == ()
    for url, wanted in case["demands"].items():
        if isinstance(wanted, str):
            with pytest.raises(Blocked) as raised:
                demanded(project, url)
            assert wanted in str(raised.value)
            continue
        found = demanded(project, url)
        said = None if found is None else {"mode": "strict" if found.deep else "head", "keys": sorted(found.keys)}
        assert said == wanted, url


def test_without_a_project_nothing_is_demanded():
    assert demanded(None, "https://git.example/shop.git") is None


def test_the_right_key_is_trusted():
    assert refusal(DEMAND, GOOD, NOW) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"names": ("0" * 40, "0" * 16), "signer": "0" * 40},
         ["is signed by the key 0000", "not in spec.signatureKeys of AppProject/shop", "Add it there"]),
        ({"state": State.UNSIGNED, "signer": "", "names": ()}, ["is not signed", "Sign it with a key of spec.sig"]),
        ({"state": State.UNKNOWN_KEY}, ["not known", "ConfigMap argocd-gpg-keys-cm"]),
        ({"state": State.UNKNOWN_KEY, "signer": "SHA256:abc"}, ["SHA256:abc", "ConfigMap todoke-ssh-signers"]),
        ({"state": State.UNKNOWN_KEY, "note": "line 3 is none"}, ["(line 3 is none)"]),
        ({"state": State.BAD}, ["does not hold: it was changed after"]),
        ({"state": State.EXPIRED}, ["a signature by the key", "expired"]),
        ({"state": State.EXPIRED_KEY, "ends": 1_767_225_600}, ["which expired on 2026-01-01", "Renew the key"]),
        ({"ends": 1_767_225_600}, ["which expired on 2026-01-01"]),
        ({"state": State.REVOKED_KEY}, ["was revoked"]),
        ({"state": State.UNREADABLE}, ["of a kind that is not read"]),
        ({"state": State.FUTURE}, ["dated in the future"]),
    ],
)  # fmt: skip
def test_every_other_signature_is_refused_with_commit_key_and_next_step(changes, words):
    said = refusal(DEMAND, msgspec.structs.replace(GOOD, **changes), NOW)
    for word in ("commit 1f0c by Taro <taro@example.org>", *words):
        assert word in said


def test_every_state_has_its_words():
    for state in set(State) - {State.GOOD}:
        assert refusal(DEMAND, msgspec.structs.replace(GOOD, state=state), NOW)
