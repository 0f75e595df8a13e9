"""One HTTP request for Git as a process of `git http-backend`. Source: git-http-backend, and CGI (RFC 3875)."""

from collections.abc import Iterator, Mapping
from email.message import Message
from io import BufferedIOBase
from typing import IO
from urllib.parse import parse_qs, urlsplit

from todoke_sandbox.git.environment import git_environment

CHUNK = 64 * 1024
_PASSED_ON = (
    ("Git-Protocol", "GIT_PROTOCOL"),  # without it a client never gets version 2
    ("Content-Encoding", "HTTP_CONTENT_ENCODING"),  # clients compress long requests
    ("Content-Length", "CONTENT_LENGTH"),
)


def service_of(target: str) -> str:
    """git-upload-pack (reading) or git-receive-pack (writing), "" for another request."""
    address = urlsplit(target)
    if address.path.endswith("/info/refs"):
        return parse_qs(address.query).get("service", [""])[0]
    last = address.path.rpartition("/")[2]
    return last if last in ("git-upload-pack", "git-receive-pack") else ""


def repository_of(target: str) -> str:
    """The repository's path in the URL of a push, without slash at its start."""
    return urlsplit(target).path.removesuffix("/git-receive-pack").lstrip("/")


def cgi_variables(method: str, target: str, headers: Message, user: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The variables of one request. Nothing of the machine's own Git configuration gets in."""
    address = urlsplit(target)
    variables = git_environment({"http.receivepack": "true", **settings}) | {
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": address.path,
        "QUERY_STRING": address.query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": user,
    }
    return variables | {variable: value for header, variable in _PASSED_ON if (value := headers.get(header))}


def read_head(answer: IO[bytes]) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of a CGI answer; no headers when the process gave none."""
    headers, status = [], 200
    while (line := answer.readline().rstrip(b"\r\n")) != b"":
        name, _, value = line.decode("latin-1").partition(": ")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((name, value))
    return status, headers


def body_pieces(source: BufferedIOBase, headers: Message) -> Iterator[bytes]:
    """The request's body, piece by piece: of a known length, or in chunks as big pushes come.

    Raises: ConnectionError: the client went away. ValueError: a length is no number.
    """
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        yield from _pieces(source, int(headers.get("Content-Length") or 0))
        return
    while size := int(source.readline().partition(b";")[0], 16):
        yield from _pieces(source, size)
        source.readline()  # the line break after each chunk
    while source.readline().strip():
        pass  # trailers


def _pieces(source: BufferedIOBase, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = source.read(min(size, CHUNK))
        if not piece:
            raise ConnectionError("the client went away")
        yield piece
        size -= len(piece)
