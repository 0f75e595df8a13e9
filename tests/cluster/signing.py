"""People who sign: commits and tags made by the real git, gpg and ssh-keygen, pushed to a bare repository.

with Signing(folder) as signing:
    taro = signing.openpgp("Taro")
    sha = signing.commit(repo.path, {"a.yaml": "a: 1"}, taro)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

NOBODY = ("-c", "commit.gpgSign=false")


@dataclass(frozen=True)
class Person:
    """Somebody with a key: its long id or `SHA256:…`, the public half as it stands in a ConfigMap, git's options."""

    key: str
    public: str
    fingerprint: str
    options: tuple[str, ...]
    path: Path | None = None


class Signing:
    """A key ring of its own, and a clone for each repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "signing"
        self._folder.mkdir()
        self._home = Path(tempfile.mkdtemp(prefix="gpg-"))  # its socket's path must be short
        self.clock = 1_700_000_000  # the dates of commits

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("gpgconf", "--kill", "all")
        shutil.rmtree(self._home, ignore_errors=True)

    def openpgp(self, name: str, *, ends: str = "never", subkey: bool = False, lives: str = "") -> Person:
        """A person with an OpenPGP key; with `subkey` that is what signs, and the primary key only certifies.

        Args: ends: as gpg writes it, such as `1y`. lives: what time it is there, such as `20200101T000000`.
        """
        mail = f"{name.lower()}@example.org"
        made = ("--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
        made += ("--faked-system-time", f"{lives}!") if lives else ()
        usage = "cert" if subkey else "sign"
        self._run("gpg", *made, "--quick-gen-key", f"{name} <{mail}>", "ed25519", usage, ends)
        fingerprint = self._fingerprints(mail)[0]
        if subkey:
            self._run("gpg", *made, "--quick-add-key", fingerprint, "ed25519", "sign", ends)
        public = self.exported(fingerprint)
        signer = self._fingerprints(mail)[-1]
        options: tuple[str, ...] = ("-c", "gpg.format=openpgp", "-c", f"user.signingKey={signer}!")
        if lives:
            program = self._folder / f"gpg-{name}"
            program.write_text(f'#!/bin/sh\nexec gpg --faked-system-time {lives}! "$@"\n')
            program.chmod(0o755)
            options += ("-c", f"gpg.program={program}")
        return Person(fingerprint[-16:], public, signer, options)

    def exported(self, fingerprint: str) -> str:
        """The public key as it is now."""
        return self._run("gpg", "--batch", "--armor", "--export", fingerprint)

    def revoke(self, person: Person) -> str:
        """The public key of a person with its revocation."""
        primary = next(f for f in self._fingerprints() if f.endswith(person.key))
        written = (self._home / "openpgp-revocs.d" / f"{primary}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
        self._run("gpg", "--batch", "--import", text=written)
        return self.exported(primary)

    def ssh(self, name: str, kind: str = "ed25519") -> Person:
        """A person with an SSH key."""
        path = self._folder / f"{name}-{kind}"
        self._run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(path))
        fingerprint = self._run("ssh-keygen", "-l", "-f", str(path)).split()[1]
        public = path.with_suffix(".pub").read_text().strip()
        options = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={path}")
        return Person(fingerprint, public, fingerprint, options, path)

    def commit(
        self,
        repository: Path,
        files: Mapping[str, str],
        person: Person | None = None,
        message: str = "a change",
        branch: str = "main",
    ) -> str:
        """Commit files on a branch, signed or not, and push it: the commit."""
        clone = self._clone(repository, branch)
        for name, text in files.items():
            path = clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._git(clone, "add", "-A")
        how = (*person.options, "commit", "-S") if person else ("commit", "--no-gpg-sign")
        self._git(clone, *how, "--quiet", "--allow-empty", "-m", message)
        self._git(clone, "push", "--quiet", "origin", f"HEAD:{branch}")
        return self._git(clone, "rev-parse", "HEAD").strip()

    def merge(self, repository: Path, other: str, person: Person | None = None, message: str = "merge") -> str:
        """Merge a branch into main."""
        clone = self._clone(repository, "main")
        how = (*person.options, "merge", "-S") if person else ("merge", "--no-gpg-sign")
        self._git(clone, *how, "--quiet", "--no-ff", "-m", message, f"origin/{other}")
        self._git(clone, "push", "--quiet", "origin", "HEAD:main")
        return self._git(clone, "rev-parse", "HEAD").strip()

    def tag(self, repository: Path, name: str, person: Person | None = None, at: str = "origin/main") -> str:
        """An annotated tag, signed or not, pushed by force: the tag's own object."""
        clone = self._clone(repository, "main")
        how = (*person.options, "tag", "-s") if person else ("tag", "-a", "--no-sign")
        self._git(clone, *how, "-f", "-m", f"release {name}", name, at)
        self._git(clone, "push", "--quiet", "--force", "origin", f"refs/tags/{name}")
        return self._git(clone, "rev-parse", f"refs/tags/{name}").strip()

    def verdict(self, repository: Path, revision: str) -> str:
        """The letter that git itself gives a commit's signature, with all keys of this ring."""
        return self._git(repository, "log", "-1", "--format=%G?", revision).strip()

    def _clone(self, repository: Path, branch: str) -> Path:
        clone = self._folder / f"{repository.name}-clone"
        if not clone.exists():
            self._git(self._folder, "clone", "--quiet", str(repository), str(clone))
        self._git(clone, "fetch", "--quiet", "--prune", "--tags", "--force", "origin")
        there = self._git(clone, "branch", "-r", "--list", f"origin/{branch}").strip()
        if there:
            self._git(clone, "checkout", "--quiet", "-B", branch, f"origin/{branch}")
        else:
            self._git(clone, "checkout", "--quiet", "-B", branch)
        return clone

    def _git(self, folder: Path, *words: str) -> str:
        self.clock += 60  # equal commits made in one second would be one
        return self._run("git", "-C", str(folder), *words)

    def _fingerprints(self, *who: str) -> list[str]:
        listed = self._run("gpg", "--batch", "--with-colons", "--list-keys", *who)
        return [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")]

    def _run(self, *words: str, text: str | None = None) -> str:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "GNUPGHOME": str(self._home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Taro Test",
            "GIT_AUTHOR_EMAIL": "taro@example.org",
            "GIT_COMMITTER_NAME": "Taro Test",
            "GIT_COMMITTER_EMAIL": "taro@example.org",
            "GIT_AUTHOR_DATE": f"{self.clock} +0000",
            "GIT_COMMITTER_DATE": f"{self.clock} +0000",
        }
        done = subprocess.run(words, env=variables, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout
