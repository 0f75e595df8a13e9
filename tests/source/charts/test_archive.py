"""Archives as trees, and what hostile ones get out of it."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.source.charts.servers import tgz
from todoke.model.trees import Astray
from todoke.source.charts.archive import ArchiveTree, BadArchive, Room, blob_id, unpack

Fill = Callable[[tarfile.TarFile], None]


def tar(fill: Fill, *, packed: bool = True) -> bytes:
    """An archive of what `fill` adds to it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        fill(made)
    return gzip.compress(buffer.getvalue(), 1) if packed else buffer.getvalue()


def member(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> Fill:
    """Adds one thing."""

    def fill(made: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode = kind, target, mode
        entry.size = len(data) if kind == tarfile.REGTYPE else 0
        made.addfile(entry, io.BytesIO(data))

    return fill


def several(*fills: Fill) -> bytes:
    return tar(lambda made: [fill(made) for fill in fills] and None)


def paths(tree: ArchiveTree) -> dict[str, bytes]:
    """All files by path."""
    found, pending = {}, [tree.root]
    while pending:
        for _, entry in tree.entries(pending.pop()):
            if entry.is_folder:
                pending.append(entry)
            else:
                found[entry.path] = tree.read(entry)
    return found


SYMLINK, HARDLINK = tarfile.SYMTYPE, tarfile.LNKTYPE


def test_files_folders_links_and_modes() -> None:
    data = several(
        member("./shop/b/run.sh", b"#!", mode=0o755),
        member("shop/b/", kind=tarfile.DIRTYPE),
        member("shop/a.yaml", b"a: 1"),
        member("shop/link", kind=SYMLINK, target="b/../a.yaml"),
        member("shop/same", kind=HARDLINK, target="shop/a.yaml"),
        member("other/x", b"not of the chart"),
    )
    tree = unpack(data, "1.0.0", folder="shop")
    assert paths(tree) == {"b/run.sh": b"#!", "a.yaml": b"a: 1", "link": b"b/../a.yaml", "same": b"a: 1"}
    assert [name for name, _ in tree.entries(tree.root)] == ["a.yaml", "b", "link", "same"]
    assert oct(tree.find("b/run.sh").mode) == "0o100755"
    assert tree.find("link").path == "a.yaml"
    assert tree.size(tree.find("a.yaml")) == 4
    with pytest.raises(Astray) as caught:
        tree.find("b/none")
    assert caught.value.missing == "none"


def test_ids_tell_what_is_beneath() -> None:
    first = unpack(tgz({"c/a/x": "1", "c/b/x": "1"}), "1", folder="c")
    assert first.find("a").id == first.find("b").id
    assert first.root.id == unpack(tgz({"d/b/x": "1", "d/a/x": "1"}), "2", folder="d").root.id
    for files in ({"c/a/x": "2", "c/b/x": "1"}, {"c/a/y": "1", "c/b/x": "1"}, {"c/a/x": "1"}):
        assert unpack(tgz(files), "1", folder="c").root.id != first.root.id
    executable = several(member("c/a/x", b"1", mode=0o755), member("c/b/x", b"1"))
    assert unpack(executable, "1", folder="c").root.id != first.root.id


def test_the_id_of_a_file_is_that_of_git() -> None:
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_plain_tar_and_pieces_that_were_packed_by_themselves() -> None:
    plain = tar(member("a", b"1" * 5000), packed=False)
    assert paths(unpack(plain, "1")) == {"a": b"1" * 5000}
    pieces = gzip.compress(plain[:700]) + gzip.compress(plain[700:])
    assert paths(unpack(pieces, "1")) == {"a": b"1" * 5000}
    assert paths(unpack(gzip.compress(plain) + bytes(512), "1")) == {"a": b"1" * 5000}


def test_the_only_folder_is_the_charts_whatever_its_name() -> None:
    assert paths(unpack(tgz({"renamed/Chart.yaml": "a"}), "1", folder="shop")) == {"Chart.yaml": b"a"}
    with pytest.raises(BadArchive, match='holds no folder "shop"'):
        unpack(tgz({"a/Chart.yaml": "a", "b/Chart.yaml": "b"}), "1", folder="shop")


def test_of_a_name_twice_the_last_one_holds() -> None:
    assert paths(unpack(several(member("a", b"first"), member("a", b"last")), "1")) == {"a": b"last"}


ATTACKS = {
    "up": ([member("shop/../../etc/passwd")], 'holds "shop/../../etc/passwd", which leads out of it'),
    "absolute": ([member("/etc/passwd")], "which leads out of it"),
    "a drive": ([member("C:/x")], "which leads out of it"),
    "backslashes": ([member("shop\\..\\..\\x")], "which leads out of it"),
    "link up": ([member("shop/l", kind=SYMLINK, target="../../x")], 'a link to "../../x" outside of it'),
    "link to root": ([member("l", kind=SYMLINK, target="/etc/passwd")], 'a link to "/etc/passwd" outside of it'),
    "link in a name that lasts": (
        [member("l", b"x"), member("l", kind=SYMLINK, target="..")],
        'a link to ".." outside of it',
    ),
    "through a link": (
        [member("a/x"), member("l", kind=SYMLINK, target="a"), member("l/evil")],
        'holds "l/evil" below "l", which is no folder',
    ),
    "below a file": ([member("a"), member("a/b")], "which is no folder"),
    "hard link out": ([member("l", kind=HARDLINK, target="../x")], "which leads out of it"),
    "hard link to nothing": ([member("l", kind=HARDLINK, target="x")], "which it does not hold before it"),
    "device": ([member("sda", kind=tarfile.BLKTYPE)], "which is neither a file nor a folder nor a link"),
    "pipe": ([member("p", kind=tarfile.FIFOTYPE)], "which is neither a file nor a folder nor a link"),
    "control characters": ([member("a\x1b[2J")], "whose name is not printable"),
    "long": ([member("a/" * 40 + "b" * 2000)], "whose path is too long"),
    "deep": ([member("a/" * 100 + "b")], "whose path is too long"),
    "nothing": ([member("a/", kind=tarfile.DIRTYPE)], "holds no files"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    fills, problem = ATTACKS[attack]
    with pytest.raises(BadArchive) as caught:
        unpack(several(*fills), "1")
    assert problem in str(caught.value)


def test_a_chain_of_links_does_not_lead_out() -> None:
    data = several(member("a/b", kind=SYMLINK, target=".."), member("a/c", kind=SYMLINK, target="b/.."), member("x"))
    with pytest.raises(Astray, match="leads out of the repository"):
        unpack(data, "1").find("a/c")


def test_links_in_a_circle() -> None:
    data = several(member("a", kind=SYMLINK, target="b"), member("b", kind=SYMLINK, target="a"))
    with pytest.raises(Astray, match="is a loop"):
        unpack(data, "1").find("a")


def test_too_many_files_end_early() -> None:
    block = tar(member("0000000", b""), packed=False)[:512]
    data = gzip.compress(block * 100_000, 1)
    with pytest.raises(BadArchive, match="holds more than 20000 files"):
        unpack(data, "1")


def test_a_bomb_ends_early_and_takes_no_memory() -> None:
    header = tarfile.TarInfo("zeros")
    header.size = 10 * 1024**3
    bomb = gzip.compress(header.tobuf() + bytes(60 * 1024**2), 6)
    tracemalloc.start()
    with pytest.raises(BadArchive, match="unpacks to more than 4 MiB"):
        unpack(bomb, "1", room=Room(unpacked_bytes=4 * 1024**2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024**2


def test_many_links_to_one_large_file_are_read_once() -> None:
    fills = [member("big", bytes(48 * 1024**2)), *(member(f"l{n}", kind=HARDLINK, target="big") for n in range(5000))]
    tree = unpack(several(*fills), "1")
    assert len({entry.id for _, entry in tree.entries(tree.root)}) == 1


def test_a_sparse_file_is_refused() -> None:
    header = tarfile.TarInfo("sparse")
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[386:398], block[398:410] = b"00000000000\0", b"00000000000\0"
    block[483:495] = b"77777777777\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(BadArchive, match="neither a file nor"):
        unpack(gzip.compress(bytes(block) + bytes(1024)), "1")


def test_large_contents_lie_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    files = {f"c/{number}": os.urandom(1000) * 3000 for number in range(4)}
    opened = len(list(Path("/proc/self/fd").iterdir()))
    tree = unpack(tgz(files), "1", folder="c")
    assert {f"c/{path}": data for path, data in paths(tree).items()} == files
    assert tree.held_bytes < 10_000
    assert list(tmp_path.iterdir()) == []
    del tree
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


GOOD = tgz({"c/Chart.yaml": "name: c", "c/templates/a.yaml": "a: 1" * 300, "c/" + "long" * 40: "x"})


@pytest.mark.parametrize("cut", [0, 1, 10, 40, len(GOOD) // 2, len(GOOD) - 9])
def test_one_that_is_cut_off(cut: int) -> None:
    with pytest.raises(BadArchive):
        unpack(GOOD[:cut], "1", folder="c")


@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_damage_is_a_bad_archive_or_a_tree(changes: list[tuple[int, int]]) -> None:
    data = bytearray(gzip.decompress(GOOD))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        tree = unpack(bytes(data), "1", folder="c", room=Room(unpacked_bytes=1024**2))
    except BadArchive:
        return
    assert all(".." not in path for path in paths(tree))
