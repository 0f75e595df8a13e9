"""A person's clone: its revisions, and its working copy as a commit would have it."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from todoke.model.errors import Blocked
from todoke.model.trees import Tree
from todoke.review.find import files
from todoke.source.clone import Clone
from todoke.source.folder import FolderTree


def git(folder: Path, *words: str) -> str:
    """Run git as a person would."""
    who = ("-c", "user.name=Taro", "-c", "user.email=taro@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(("git", *who, *words), cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone with one commit."""
    place = tmp_path / "clone"
    (place / "app").mkdir(parents=True)
    (place / "app" / "a.yaml").write_text("a: 1\n")
    (place / "app" / "b.yaml").write_text("b: 1\n")
    (place / ".gitignore").write_text("ignored\n")
    git(place, "init", "-q")
    git(place, "add", ".")
    git(place, "commit", "-qm", "one")
    return place


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: tree.read(found) for path, found in files(tree)}


def test_a_commit_s_files_and_what_people_call_it(folder: Path) -> None:
    clone = Clone.around(folder / "app")
    sha = clone.commit("main")
    assert sha == git(folder, "rev-parse", "HEAD") == clone.commit(sha[:8]) == clone.commit("HEAD")
    assert contents(clone.tree(sha)) == {".gitignore": b"ignored\n", "app/a.yaml": b"a: 1\n", "app/b.yaml": b"b: 1\n"}
    assert clone.tree(sha).revision == sha[:8]
    assert clone.branch == "main"
    with pytest.raises(Blocked, match=r'revision "mian" not found \(there are: main\)'):
        clone.commit("mian")


def test_the_working_copy_is_what_a_commit_of_it_would_hold(folder: Path) -> None:
    (folder / "app" / "a.yaml").write_text("a: 2\n")
    (folder / "app" / "b.yaml").unlink()
    (folder / "app" / "new.yaml").write_text("n: 1\n")
    (folder / "app" / "run").write_text("#!/bin/sh\n")
    (folder / "app" / "run").chmod(0o755)
    (folder / "app" / "link").symlink_to("new.yaml")
    (folder / "ignored").write_text("no\n")
    before = sorted(path for path in (folder / ".git" / "objects").rglob("*"))
    clone = Clone.around(folder)
    tree = clone.working_copy()
    found = contents(tree)
    assert sorted(path for path in (folder / ".git" / "objects").rglob("*")) == before
    assert tree.find("app/run").mode & stat.S_IXUSR
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "two")
    again = Clone.around(folder)
    committed = again.tree(again.commit("HEAD"))
    assert found == contents(committed)
    assert tree.root.id == committed.root.id
    assert tree.find("app").id == committed.find("app").id
    clone.close()


def test_where_two_branches_parted(folder: Path) -> None:
    first = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-qb", "topic")
    git(folder, "commit", "-qm", "topic", "--allow-empty")
    git(folder, "checkout", "-q", "main")
    git(folder, "commit", "-qm", "main", "--allow-empty")
    clone = Clone.around(folder)
    assert clone.merge_base(clone.commit("main"), clone.commit("topic")) == first


def test_the_working_copy_of_a_linked_worktree(folder: Path, tmp_path: Path) -> None:
    git(folder, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "topic")
    (tmp_path / "linked" / "app" / "a.yaml").write_text("a: 3\n")
    clone = Clone.around(tmp_path / "linked")
    assert contents(clone.working_copy())["app/a.yaml"] == b"a: 3\n"
    assert clone.branch == "topic"
    clone.close()


def test_a_folder_outside_of_any_clone_is_told(tmp_path: Path) -> None:
    with pytest.raises(Blocked, match="is not in a Git repository"):
        Clone.around(tmp_path)


def test_a_folder_is_a_tree_from_which_nothing_leads_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("geheim")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.yaml").write_text("a: 1")
    (root / "ok").symlink_to("sub/a.yaml")
    (root / "bad").symlink_to("../secret")
    tree = FolderTree(root)
    assert contents(tree) == {"ok": b"a: 1", "sub/a.yaml": b"a: 1"}
    assert [name for name, _ in tree.entries(tree.root)] == ["bad", "ok", "sub"]
