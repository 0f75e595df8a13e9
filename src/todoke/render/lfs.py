"""Files that lie in Git LFS."""

_POINTER = b"version https://git-lfs.github.com/spec/"


def is_lfs_pointer(data: bytes) -> bool:
    """Whether a file's contents only say where in Git LFS they are. Source: git-lfs, docs/spec.md."""
    return data.startswith(_POINTER)
