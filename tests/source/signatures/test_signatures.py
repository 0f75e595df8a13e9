"""What is found out about signatures that the real git made with real keys."""

from __future__ import annotations

import random
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.git_repo import Repo
from tests.cluster.signing import Person, Signing
from todoke.model.signatures import Signature, Signers, State, Trust
from todoke.source.repositories import GitSource
from todoke.source.signatures import Verifier
from todoke.source.signatures.objects import Signed

pytestmark = [
    pytest.mark.skipif(not (shutil.which("gpg") and shutil.which("ssh-keygen")), reason="needs GnuPG, OpenSSH"),
    pytest.mark.slow,
]


@pytest.fixture
def signing(tmp_path: Path) -> Iterator[Signing]:
    with Signing(tmp_path) as opened:
        yield opened


class Looker:
    """Asks the source room and hands out the signatures that it was asked to judge."""

    def __init__(self, source: GitSource, repo: Repo) -> None:
        self.source, self.repo = source, repo
        self.keys: set[str] = set()
        self.seen: list[Signature] = []

    def know(self, *people: Person, trusted: bool = True) -> None:
        """Put people into the ConfigMaps, and into the project's list."""
        openpgp = {person.key: person.public for person in people if person.path is None}
        ssh = "\n".join(f'* namespaces="git" {person.public}' for person in people if person.path is not None)
        self.source.use_signers(Signers(openpgp, {"allowed_signers": ssh}))
        self.keys = {person.key for person in people} if trusted else set()

    async def reasons(self, revision: str = "main", *, deep: bool = False) -> tuple[str, ...]:
        """Why a revision is not trusted."""
        await self.source.refresh(self.repo.url)
        sha = await self.source.latest(self.repo.url, revision)
        self.seen = []
        trust = Trust(deep, f"{deep} {sorted(self.keys)}", self._refusal)
        return await self.source.untrusted(self.repo.url, sha, (revision, ""), trust)

    async def state(self, revision: str = "main") -> State:
        """What became of the signature of a revision."""
        await self.reasons(revision)
        (signature,) = self.seen
        return signature.state

    def _refusal(self, signature: Signature) -> str:
        self.seen.append(signature)
        good = (
            signature.state is State.GOOD and self.keys.intersection(signature.names) and signature.ends > time.time()
        )
        return "" if good else f"{signature.what.split()[0]} {signature.state.name}"


@pytest.fixture
def looker(source: GitSource, repo: Repo) -> Looker:
    return Looker(source, repo)


@pytest.fixture
def commit(signing: Signing, repo: Repo):
    return partial(signing.commit, repo.path)


async def test_commits_signed_by_openpgp_and_ssh_keys(signing: Signing, looker: Looker, commit) -> None:
    people = [signing.openpgp("Taro"), signing.ssh("hana"), signing.ssh("hana", "rsa")]
    looker.know(*people)
    for person in people:
        sha = commit({"a.yaml": person.key}, person)
        assert await looker.reasons() == ()
        (signature,) = looker.seen
        assert (signature.what, signature.author) == (f"commit {sha}", "Taro Test <taro@example.org>")
        assert signature.signer == person.fingerprint
    commit({"a.yaml": "none"})
    assert await looker.state() is State.UNSIGNED


async def test_a_key_below_the_primary_one_may_be_listed_by_either(signing: Signing, looker: Looker, commit) -> None:
    taro = signing.openpgp("Taro", subkey=True)
    commit({"a.yaml": "1"}, taro)
    looker.know(taro)
    assert await looker.reasons() == ()
    assert looker.seen[0].signer == taro.fingerprint != taro.key
    for name in (taro.fingerprint, taro.fingerprint[-16:]):
        looker.keys = {name}
        assert await looker.reasons() == ()


async def test_keys_that_are_not_known(signing: Signing, looker: Looker, commit) -> None:
    taro, hana, other = signing.openpgp("Taro"), signing.ssh("hana"), signing.ssh("other")
    looker.know(other)
    for person in (taro, hana):
        commit({"a.yaml": person.key}, person)
        assert await looker.state() is State.UNKNOWN_KEY
        assert looker.seen[0].signer == person.fingerprint
    looker.know(other, hana)  # heard at once
    assert await looker.reasons() == ()


async def test_a_signature_under_other_contents_is_bad(signing: Signing, looker: Looker, repo: Repo, commit) -> None:
    for person in (signing.openpgp("Taro"), signing.ssh("hana")):
        looker.know(person)
        raw = repo._git[commit({"a.yaml": person.key}, person)].read_raw()
        forged = repo._git.odb.write(1, raw.replace(b"a change", b"a charge"))
        repo._git.references.create("refs/heads/forged", forged, force=True)
        assert await looker.state("forged") is State.BAD


@pytest.mark.parametrize("text", ["-----BEGIN PGP SIGNATURE-----\n\nnone\n-----END PGP SIGNATURE-----",
                                  "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----",
                                  "-----BEGIN SSH SIGNATURE-----\né\n-----END SSH SIGNATURE-----",
                                  "-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----",
                                  "anything at all"])  # fmt: skip
async def test_signatures_that_are_none_are_refused(looker: Looker, repo: Repo, text: str) -> None:
    raw = repo._git[repo.commit({"a.yaml": "1"}, "one")].read_raw()
    head, _, message = raw.partition(b"\n\n")
    lines = "\n ".join(text.splitlines())
    forged = repo._git.odb.write(1, head + f"\ngpgsig {lines}".encode() + b"\n\n" + message)
    repo._git.references.create("refs/heads/forged", forged)
    assert await looker.state("forged") is State.UNREADABLE


async def test_a_key_that_expired_or_was_revoked_signs_nothing_any_more(
    signing: Signing, looker: Looker, commit
) -> None:
    """Git says Y and R of them, whatever date the commit bears."""
    for subkey in (False, True):
        old = signing.openpgp(f"Old{subkey}", lives="20200101T000000", ends="1y", subkey=subkey)
        commit({"a.yaml": old.key}, old)
        looker.know(old)
        assert await looker.state() is State.EXPIRED_KEY
    taro = signing.openpgp("Taro")
    commit({"a.yaml": "2"}, taro)
    looker.know(taro)
    assert await looker.reasons() == ()
    revoked = Person(taro.key, signing.revoke(taro), taro.fingerprint, ())
    looker.know(revoked)
    assert await looker.state() is State.REVOKED_KEY


async def test_the_states_are_those_of_git(signing: Signing, looker: Looker, repo: Repo, commit) -> None:
    """With the same keys in its ring, git gives each commit the letter of our state."""
    taro, gone = signing.openpgp("Taro", subkey=True), signing.openpgp("Gone")
    old = signing.openpgp("Old", lives="20200101T000000", ends="1y")
    made = {person.key: commit({"a.yaml": person.key}, person) for person in (taro, gone, old)}
    repo.branch("revoked", made[gone.key])
    repo.branch("expired", made[old.key])
    repo.branch("good", made[taro.key])
    raw = repo._git[made[taro.key]].read_raw().replace(b"a change", b"a charge")
    repo._git.references.create("refs/heads/forged", repo._git.odb.write(1, raw))
    commit({"a.yaml": "none"})
    revoked = Person(gone.key, signing.revoke(gone), gone.fingerprint, ())
    looker.know(taro, revoked, old)
    for revision in ("good", "forged", "expired", "revoked", "main"):
        assert (await looker.state(revision)).value == signing.verdict(repo.path, revision), revision


async def test_ssh_signers_have_times_and_purposes(signing: Signing, looker: Looker, commit) -> None:
    """The commits of these tests are of November 2023."""
    hana = signing.ssh("hana")
    commit({"a.yaml": "1"}, hana)
    for options, state in {
        'namespaces="git,file"': State.GOOD,
        'namespaces="file"': State.UNKNOWN_KEY,
        'namespaces="*,!git"': State.UNKNOWN_KEY,
        'valid-before="20240101"': State.GOOD,
        'valid-before="20231001"': State.EXPIRED_KEY,
        'valid-after="202310010000Z",valid-before="20240101"': State.GOOD,
        'valid-after="20240101"': State.EXPIRED_KEY,
        "cert-authority": State.UNKNOWN_KEY,
        'valid-after="yesterday"': State.UNKNOWN_KEY,
        'something="else"': State.UNKNOWN_KEY,
    }.items():
        looker.source.use_signers(
            Signers({}, {"allowed_signers": f"# people\n\nhana@example.org {options} {hana.public}"})
        )
        looker.keys = {hana.key}
        assert await looker.state() is state, options
    looker.source.use_signers(Signers({}, {"allowed_signers": f"* cert-authority {hana.public}\n* ecdsa"}))
    await looker.reasons()
    assert "line 1: authorities of SSH certificates are not supported" in looker.seen[0].note
    assert "line 2" in looker.seen[0].note


async def test_entries_of_keys_that_cannot_be_used_are_named(signing: Signing, looker: Looker, commit) -> None:
    taro = signing.openpgp("Taro")
    commit({"a.yaml": "1"}, taro)
    for entries, words in (
        ({"0" * 16: taro.public}, f"holds the key {taro.key}: name it so"),
        ({taro.key: "none"}, "is no OpenPGP key"),
        ({taro.key: taro.public + signing.openpgp("Hana").public}, "holds 2 keys"),
    ):
        looker.source.use_signers(Signers(entries))
        assert await looker.state() is State.UNKNOWN_KEY
        assert f"of ConfigMap argocd-gpg-keys-cm {words}" in looker.seen[0].note


async def test_an_annotated_tag_is_what_must_be_signed(signing: Signing, looker: Looker, repo: Repo, commit) -> None:
    taro, hana = signing.openpgp("Taro"), signing.ssh("hana")
    looker.know(taro, hana)
    commit({"a.yaml": "1"})
    for person in (taro, hana):
        signing.tag(repo.path, "v1", person)
        assert await looker.reasons("v1") == ()
        assert [signature.what for signature in looker.seen] == ['tag "v1"']
    assert await looker.reasons("main") == ("commit UNSIGNED",)
    signing.tag(repo.path, "v1")  # the same name, on the same commit
    assert await looker.reasons("v1") == ("tag UNSIGNED",)
    commit({"a.yaml": "2"}, taro)
    signing.tag(repo.path, "v2")
    repo.tag("v3")
    assert await looker.reasons("v2") == ("tag UNSIGNED",)
    assert await looker.reasons("v3") == ()  # not annotated: the commit


async def test_a_signed_tag_does_not_serve_under_another_name(
    signing: Signing, looker: Looker, repo: Repo, commit
) -> None:
    taro = signing.openpgp("Taro")
    looker.know(taro)
    commit({"a.yaml": "1"}, taro)
    own = signing.tag(repo.path, "v1", taro)
    repo._git.references.create("refs/tags/v2", own)
    assert await looker.reasons("v2") == (
        'tag "v2" is the one that was made as "v1". Make and sign a tag of that name',
    )


async def test_strict_wants_all_commits_since_the_last_seal(
    signing: Signing, looker: Looker, repo: Repo, commit
) -> None:
    taro, other = signing.openpgp("Taro"), signing.openpgp("Other")
    looker.know(taro, other)
    looker.keys = {taro.key}
    commit({"a.yaml": "0"})
    commit({"a.yaml": "1"}, taro)
    assert await looker.reasons(deep=True) == ("commit UNSIGNED",)
    for person, text in ((None, "seal"), (other, "seal")):  # neither is a trusted seal
        commit({}, person, f"{text}\n\nArgocd-gpg-seal: I looked")
        assert await looker.reasons(deep=True) != ()
    commit({}, taro, "Argocd-gpg-seal: this is no trailer\n\nbut text")
    assert await looker.reasons(deep=True) != ()
    commit({}, taro, "seal\n\nSigned-off-by: Taro\nargocd-gpg-SEAL: I looked at all")
    assert await looker.reasons(deep=True) == ()
    commit({"a.yaml": "2"}, taro)
    assert await looker.reasons(deep=True) == ()
    commit({"a.yaml": "3"})
    commit({"a.yaml": "4"}, taro)
    assert await looker.reasons(deep=True) == ("commit UNSIGNED",)
    assert await looker.reasons() == ()


async def test_a_signature_in_the_message_signs_nothing(looker: Looker, signing: Signing, repo: Repo, commit) -> None:
    """Else who may push could take lines out of what was signed, and so make a seal of a commit that is none."""
    taro = signing.openpgp("Taro")
    looker.know(taro)
    commit({"a.yaml": "0"})
    raw = repo._git[commit({}, taro, "Argocd-gpg-seal: this is no trailer\n\nbut text")].read_raw()
    head, _, message = raw.partition(b"\n\n")
    above, mark, signature = head.partition(b"\ngpgsig ")
    merged = message.replace(b"\n\n", b"\ngpgsig\n")
    forged = repo._git.odb.write(1, above + b"\n\n" + merged + mark[1:] + signature + b"\n")
    repo._git.references.create("refs/heads/forged", forged)
    assert await looker.reasons("forged", deep=True) == ("commit UNSIGNED", "commit UNSIGNED")
    assert signing.verdict(repo.path, "forged") == "N"


async def test_strict_sees_what_was_merged_past_a_seal(signing: Signing, looker: Looker, repo: Repo, commit) -> None:
    taro = signing.openpgp("Taro")
    looker.know(taro)
    commit({"a.yaml": "0"})
    repo.branch("before")
    commit({}, taro, "seal\n\nArgocd-gpg-seal: yes")
    commit({"b.yaml": "1"}, taro, branch="before")
    signing.merge(repo.path, "before", taro)
    assert await looker.reasons(deep=True) == ()  # the first commit is reached both ways, and sealed
    commit({"c.yaml": "1"}, branch="before")
    signing.merge(repo.path, "before", taro)
    assert await looker.reasons(deep=True) == ("commit UNSIGNED",)


async def test_a_seal_covers_what_is_before_it_whatever_the_dates_say(
    signing: Signing, looker: Looker, repo: Repo, commit
) -> None:
    """The unsigned commit bears a later date than its seal, and is reached past it."""
    taro = signing.openpgp("Taro")
    looker.know(taro)
    signing.clock += 1_000_000
    commit({"a.yaml": "0"})
    signing.clock -= 1_000_000
    repo.branch("past")
    commit({}, taro, "seal\n\nArgocd-gpg-seal: yes")
    commit({"b.yaml": "1"}, taro, branch="past")
    signing.merge(repo.path, "past", taro)
    assert await looker.reasons(deep=True) == ()


async def test_a_signature_from_the_future_is_refused_until_then(signing: Signing, looker: Looker, commit) -> None:
    early = signing.openpgp("Early", lives="20600101T000000")
    commit({"a.yaml": "1"}, early)
    looker.know(early)
    assert await looker.state() is State.FUTURE
    commit({"a.yaml": "2"}, signing.openpgp("Taro"))
    assert await looker.state() is State.UNKNOWN_KEY
    assert f"{early.key} of ConfigMap argocd-gpg-keys-cm holds a key that is too old" in looker.seen[0].note


async def test_an_accepted_history_is_not_looked_at_again(signing: Signing, looker: Looker, commit) -> None:
    taro = signing.openpgp("Taro")
    looker.know(taro)
    for number in range(3):
        commit({"a.yaml": str(number)}, taro)
    assert await looker.reasons(deep=True) == ()
    assert len(looker.seen) == 3
    commit({"a.yaml": "more"}, taro)
    assert await looker.reasons(deep=True) == ()
    assert len(looker.seen) == 1
    looker.know(taro, signing.ssh("hana"))  # with other keys all is asked anew
    assert await looker.reasons(deep=True) == ()
    assert len(looker.seen) == 4
    commit({"a.yaml": "unsigned"})
    for seen in (1, 0):  # nor is one that was refused
        assert await looker.reasons(deep=True) == ("commit UNSIGNED",)
        assert len(looker.seen) == seen


async def test_bytes_that_somebody_made_up_never_raise(signing: Signing, repo: Repo, commit) -> None:
    """Whoever may push writes the signature, so nothing in it may stop us, nor pass for one of other contents."""
    chance = random.Random(7)
    people = (signing.openpgp("Taro"), signing.ssh("hana"))
    verifier = Verifier()
    verifier.use(Signers({people[0].key: people[0].public}, {"allowed_signers": f"* {people[1].public}"}))
    for person in people:
        signature, payload = repo._git[commit({"a.yaml": person.key}, person)].gpg_signature
        first, *lines, last = signature.decode().strip().splitlines()
        packed = b64decode("".join(line for line in lines if line and line[0] != "="))
        assert verifier._check(Signed("", "", 0, payload, signature)).state is State.GOOD
        for number in range(60):
            raw = bytearray(packed)
            for _ in range(chance.randint(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            raw = raw[: chance.randrange(len(raw))] if number % 3 == 0 else raw
            text = f"{first}\n\n{b64encode(raw).decode()}\n{last}"
            found = verifier._check(Signed("", "", 0, payload + b" ", text.encode()))
            assert found.state is not State.GOOD
