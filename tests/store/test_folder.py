"""The state folder belongs to one process, and its identity outlives the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from todoke.model.errors import Blocked
from todoke.store.folder import claimed

CLAIM = """
import sys
from pathlib import Path
from todoke.store.folder import claimed
with claimed(Path(sys.argv[1])) as identity:
    print(identity, flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds a folder until its input ends; returns when it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_same_folder_has_the_same_identity_again(tmp_path: Path) -> None:
    with claimed(tmp_path / "state") as first:
        pass
    with claimed(tmp_path / "state") as second, claimed(tmp_path / "other") as other:
        assert first == second != other


def test_a_folder_by_another_name_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    with claimed(tmp_path / "state") as identity, pytest.raises(Blocked), claimed(tmp_path / "link"):
        pass
    with claimed(tmp_path / "link") as again:
        assert again == identity


def test_a_folder_in_use_is_refused_in_a_sentence(tmp_path: Path) -> None:
    process = holder(tmp_path / "state")
    with pytest.raises(Blocked) as refused, claimed(tmp_path / "state"):
        pass
    assert str(refused.value) == (
        f"state folder {tmp_path / 'state'}: another todoke uses it. Stop it, or name another with --state-folder"
    )
    end(process)


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    end(holder(tmp_path / "state"))
    with claimed(tmp_path / "state") as identity:
        assert identity


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Blocked, match="Name a folder that can be written"), claimed(tmp_path / "file" / "state"):
        pass


def test_a_new_folder_is_closed_to_others(tmp_path: Path) -> None:
    with claimed(tmp_path / "a" / "state"):
        assert (tmp_path / "a" / "state").stat().st_mode & 0o077 == 0
        assert (tmp_path / "a" / "state" / "lock").stat().st_mode & 0o077 == 0


def test_two_machines_of_one_name_and_one_path_are_two(tmp_path: Path) -> None:
    """Containers often have both in common; only one of them may hold the lease."""
    with claimed(tmp_path / "state") as here:
        pass
    (tmp_path / "state").rename(tmp_path / "other-machine")
    with claimed(tmp_path / "state") as there:
        assert here != there
