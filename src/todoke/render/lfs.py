"""Files that lie in Git LFS."""

_POINTER = b"version https://git-lfs.github.com/spec/"


IN_LFS = "is stored in Git LFS, and its repository's Secret does not say enableLfs"


def is_lfs_pointer(data: bytes) -> bool:
    """Whether a file's contents only say where in Git LFS they are. Source: git-lfs, docs/spec.md."""
    return data.startswith(_POINTER)
