"""How `git` is to call `ssh`: with one key, known hosts of our own, no configuration, no agent and no prompt."""

import base64
import binascii
import os
import re
import shlex
import tempfile
from hashlib import sha256
from pathlib import Path

from todoke.model.credentials import SecretText
from todoke.model.errors import Blocked
from todoke.source.known_hosts import known_hosts

_OPTIONS = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=15",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=2",
    "LogLevel=ERROR",
)
_FIELD = "sshPrivateKey"
_PRIVATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\n(.*?)-----END", re.S)
_OPENSSH = b"openssh-key-v1\0"


class SshFiles:
    """The private files that `ssh` reads, in one folder. Nobody else can read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known_hosts = known_hosts("")

    def trust(self, text: str) -> None:
        """Use these lines of known hosts, beside the built-in ones, from the next connection on."""
        self._known_hosts = known_hosts(text)

    def command(self, key: SecretText, origin: str, *, any_host: bool) -> str:
        """The value of GIT_SSH_COMMAND for one key.

        Args: origin: the Secret, for messages. any_host: host keys are not checked.
        Raises: Blocked: it is no key, or has a passphrase; the files cannot be written.
        """
        text = _checked(key, origin)
        try:
            identity = _kept(self._folder / f"{file_name(key)}", text)
            hosts = "/dev/null" if any_host else _kept(self._folder / "known_hosts", self._known_hosts)
        except OSError as error:
            problem = f"its key cannot be kept: {error.strerror}"
            raise Blocked(origin, problem, next_step="Correct the data folder") from error
        checking = ("StrictHostKeyChecking=no",) if any_host else ("StrictHostKeyChecking=yes",)
        options = (*_OPTIONS, *checking, f'UserKnownHostsFile="{_literal(hosts)}"')
        return shlex.join(
            ["ssh", "-F", "/dev/null", "-i", _literal(identity), *(part for one in options for part in ("-o", one))]
        )


def file_name(key: SecretText) -> str:
    """The name of a key's file; it tells nothing of the key."""
    return f"{sha256(key.reveal().encode()).hexdigest()[:24]}.key"


def _literal(path: Path | str) -> str:
    return str(path).replace("%", "%%")  # ssh replaces %h and the like in paths


def _kept(path: Path, text: str) -> Path:
    """The path of a private file with this text; it never holds half of it."""
    if path.is_file() and path.read_text() == text:
        return path
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return Path(name).rename(path)


def _checked(key: SecretText, origin: str) -> str:
    """A key's text as ssh wants it. Raises: Blocked: it is none, or has a passphrase."""
    text = key.reveal().replace("\r\n", "\n").strip() + "\n"
    found = _PRIVATE.search(text)
    if found is None:
        raise Blocked(origin, "is not a private key", field=_FIELD, next_step="Give it the whole file, as PEM")
    if found.group(1) == "ENCRYPTED " or "Proc-Type: 4,ENCRYPTED" in found.group(2) or _encrypted(found.group(2)):
        problem = "the key has a passphrase, and there is nobody to type it"
        raise Blocked(origin, problem, field=_FIELD, next_step="Take it off: ssh-keygen -p -N '' -f FILE")
    return text


def _encrypted(body: str) -> bool:
    """Whether an OpenSSH key is encrypted: its cipher is not "none". Source: OpenSSH, PROTOCOL.key."""
    try:
        raw = base64.b64decode("".join(body.split()))
    except (ValueError, binascii.Error):
        return False
    cipher = raw[len(_OPENSSH) + 4 :]
    return raw.startswith(_OPENSSH) and not cipher.startswith(b"none")
