"""A commit's files on disk, for a while."""

from pathlib import Path

import pytest

from tests.fake_tree import FakeTree, Link
from tests.render.plugins.kitchen import ProgramTree
from todoke.model.trees import Astray, Found
from todoke.render.plugins.export import Export, NotExported, remove


def written(tree: FakeTree, folder: Path, **options: bool | int) -> Path:
    for _ in Export(tree, **options).write(folder):  # type: ignore[arg-type]
        pass
    return folder


def test_files_folders_and_links(tmp_path: Path):
    tree = FakeTree({"a/b/c": b"\xff\x00", "a/d": "", "up": Link("a/b/../d"), "a/loose": Link(".././nothing/..x")})
    folder = written(tree, tmp_path / "tree")
    assert (folder / "a/b/c").read_bytes() == b"\xff\x00"
    assert (folder / "up").readlink() == Path("a/b/../d")
    assert (folder / "a/loose").readlink() == Path("../nothing/..x")
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "a", folder / "a/b")} == {0o700}


def test_modes(tmp_path: Path):
    tree = ProgramTree({"run.sh": ""})
    assert (written(tree, tmp_path / "kept", keep_modes=True) / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (written(tree, tmp_path / "not") / "run.sh").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("files", "options", "words"),
    [
        ({"a": "x" * 600_000, "b": "x" * 600_000}, {"most_bytes": 1024 * 1024}, "b is beyond 1 MiB of files together"),
        ({f"a/{number}": "" for number in range(9)}, {"most_files": 9}, "a/8 is one of more than 9 files and folders"),
        ({"a": Link("b"), "b": Link("a")}, {}, "a is a symbolic link to b, which is a loop of symbolic links"),
        ({"a/b": Link("../../x")}, {}, "a/b is a symbolic link to ../../x, which leads out of the repository"),
        ({"a": Link("/nothing")}, {}, "a is a symbolic link to /nothing, which leads out of the repository"),
        (
            {"a/b": Link("charts/../../etc")},
            {},
            "a/b is a symbolic link to charts/../../etc, which goes up again from what is not there",
        ),
        ({"..": ""}, {}, '".." is no name for a file'),
        ({".git": "gitdir: /elsewhere"}, {}, '".git" is no name for a file'),
    ],
)
def test_what_is_not_written(tmp_path: Path, files: dict[str, str], options: dict[str, int], words: str):
    with pytest.raises(NotExported) as caught:
        written(FakeTree(files), tmp_path / "tree", **options)
    assert str(caught.value) == words


def test_a_submodule_that_is_not_here_is_an_empty_folder(tmp_path: Path):
    class WithSubmodule(FakeTree):
        def child(self, folder: Found, name: str) -> Found | None:
            found = super().child(folder, name)
            return Found("module", "0" * 40, 0o160000) if name == "module" else found

    tree = WithSubmodule({"a": "", "module": "", "into": Link("module/file")})
    folder = written(tree, tmp_path / "tree")
    assert [*(folder / "module").iterdir()] == []
    assert (folder / "into").readlink() == Path("module/file")


def test_a_link_that_only_a_walk_finds_does_not_lead_out_either(tmp_path: Path):
    """Git finds no name in a folder that is not sorted, as one that was made by hand may be, and yet lists it."""

    class Unsorted(FakeTree):
        def find(self, path: str, start: Found | None = None) -> Found:
            raise Astray("is not there", self.root, missing=path)

    with pytest.raises(NotExported, match=r"a/b is a symbolic link to .*, which leads out of the repository"):
        written(Unsorted({"a/b": Link("../../etc")}), tmp_path / "tree")


def test_removing_follows_no_links(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(outside)
    (tmp_path / "tree" / "a" / "link").symlink_to(outside)
    remove(tmp_path / "tree")
    remove(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
    assert outside.stat().st_mode & 0o777 == 0o500
