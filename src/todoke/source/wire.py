"""The bytes of Git's protocol version 2, as far as `ls-refs` needs them. Source: Git, gitprotocol-v2."""

from collections.abc import Iterable, Iterator

from todoke.source.refs import Refs

_FLUSH, _DELIMITER = b"0000", b"0001"


class NotVersion2(Exception):
    """The answer is not one of protocol version 2."""


def ls_refs_request(prefixes: Iterable[str]) -> bytes:
    """The body of one `ls-refs` request for HEAD and all refs that begin with one of the prefixes."""
    head = [_line("command=ls-refs\n"), _line("agent=todoke\n"), _line("object-format=sha1\n"), _DELIMITER]
    wanted = [_line(f"ref-prefix {prefix}\n") for prefix in ("HEAD", *prefixes)]
    return b"".join([*head, _line("peel\n"), _line("symrefs\n"), *wanted, _FLUSH])


def parse_ls_refs(body: bytes) -> Refs:
    """The refs in an answer to `ls-refs`, annotated tags peeled to what they point at.

    Raises: NotVersion2: the bytes are something else.
    """
    tips: dict[str, str] = {}
    tags: dict[str, str] = {}
    head = branch = ""
    for line in _lines(body):
        oid, _, rest = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
        name, *attributes = rest.split(" ")
        if len(oid) not in (40, 64) or not name:
            raise NotVersion2(line[:200].decode("utf-8", "replace"))
        more = dict(attribute.partition(":")[::2] for attribute in attributes)
        if name == "HEAD":
            head, branch = oid, more.get("symref-target", "")
        else:
            tips[name] = more.get("peeled", oid)
            if "peeled" in more:
                tags[name] = oid
    return Refs(tips, head, branch, tags)


def speaks_version_2(body: bytes) -> bool:
    """Whether the answer to `GET info/refs?service=git-upload-pack` is the advertisement of version 2."""
    return b"version 2\n" in body[:200]


def _line(text: str) -> bytes:
    data = text.encode()
    return b"%04x%s" % (len(data) + 4, data)


def _lines(body: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(body):
        try:
            size = int(body[position : position + 4], 16)
        except ValueError:
            raise NotVersion2(body[position : position + 60].decode("utf-8", "replace")) from None
        if size == 0:
            return
        if size < 4 or position + size > len(body):
            raise NotVersion2("a truncated answer")
        yield body[position + 4 : position + size]
        position += size
    raise NotVersion2("a truncated answer")
