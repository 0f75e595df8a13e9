"""The state folder belongs to one process at a time."""

import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from todoke.model.errors import Blocked


@contextmanager
def claimed(folder: Path, *, wait: bool = False) -> Iterator[str]:
    """Hold a folder until the context ends; yields an identity that no other living process has.

    The identity is kept in the folder, so that it is the same after a restart and a successor need not wait. It is
    random: two machines may have one host name and one path.

    Raises:
        Blocked: another process holds the folder (unless `wait`), or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Blocked(
            f"state folder {folder}", str(error.strerror), next_step="Name a folder that can be written"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Blocked(
                f"state folder {folder}",
                "another todoke uses it",
                next_step="Stop it, or name another with --state-folder",
            ) from error
        yield f"{socket.gethostname()}-{_kept_word(handle)}"
    finally:
        os.close(handle)


@contextmanager
def mirrors_of_command(state: Path) -> Iterator[Path]:
    """A folder for the mirrors of one command: the kept one, or one of its own while another command uses that.

    Args: state: the state folder; it need not be there, nor writable.
    """
    with suppress(OSError):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = state / "mirrors-cli"
    with ExitStack() as stack:
        try:
            stack.enter_context(claimed(kept))
        except Blocked:  # in use, or not ours to write
            kept = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="todoke-"))) / "mirrors"
        yield kept


def _kept_word(handle: int) -> str:
    """The random word that the lock file holds, written at its first use."""
    if word := os.pread(handle, 16, 0).decode("ascii", "replace").strip():
        return word
    word = secrets.token_hex(8)
    os.pwrite(handle, word.encode(), 0)
    return word
