"""What of a commit or tag is signed, and by what. Source: Git, gitformat-signature."""

import msgspec
import pygit2

_MARKS = (
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",  # X.509
)
_LONGEST_NAME = 120


class Signed(msgspec.Struct, frozen=True):
    """The parts of one object. Attributes: made: seconds since 1970, as the object says."""

    what: str
    author: str
    made: float
    payload: bytes = b""
    armoured: bytes = b""  # b"" when it is not signed


def of_commit(commit: pygit2.Commit) -> Signed:
    """The signature in a commit's header, and the commit without it."""
    who, made = _who(commit.author), float(commit.commit_time)
    payload, armoured = _parted(commit.read_raw())
    return Signed(f"commit {commit.id}", who, made, payload, armoured)


def _parted(raw: bytes) -> tuple[bytes, bytes]:
    """A commit without its signature, and that. It stands in the header; libgit2 takes one from the message too."""
    head, blank, message = raw.partition(b"\n\n")
    kept, signature, field = list[bytes](), list[bytes](), b""
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        field = name or field
        if field == b"gpgsig":
            signature.append(value)
        elif field != b"gpgsig-sha256":
            kept.append(line)
    return b"\n".join(kept) + blank + message, b"\n".join(signature)


def of_tag(tag: pygit2.Tag) -> Signed:
    """The signature after a tag's message, and all before it. As in Git the last one counts."""
    raw = tag.read_raw()
    begin = max(raw.rfind(b"\n" + mark) for mark in _MARKS) + 1
    tagger = tag.tagger
    who, made = (_who(tagger), float(tagger.time)) if tagger is not None else ("nobody", 0.0)
    what = f'tag "{_clean(tag.name or "")}"'
    if not begin:
        return Signed(what, who, made)
    return Signed(what, who, made, raw[:begin], raw[begin:])


def _who(signature: pygit2.Signature) -> str:
    name = signature.raw_name.decode("utf-8", "replace")
    return _clean(f"{name} <{signature.raw_email.decode('utf-8', 'replace')}>")


def _clean(text: str) -> str:
    """Text that others wrote, fit for a message: printable, and short."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"
