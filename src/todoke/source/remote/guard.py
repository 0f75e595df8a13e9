"""Which addresses may be asked for what a file in Git names: a commit must not make us ask our own network."""

import asyncio
import errno
import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from todoke.model.errors import Blocked, Unreachable
from todoke.model.sources import shown_url

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_OF_IPV4 = tuple(ipaddress.ip_network(f"{prefix}/96") for prefix in ("64:ff9b::", "::ffff:0:0:0", "::"))
_PRIVATE = tuple(  # what older Pythons take for public: RFC 8215, 3879, 9602 and 9637; RFC 6890, 7526
    ipaddress.ip_network(text)
    for text in ("64:ff9b:1::/48", "fec0::/10", "5f00::/16", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
)
_AZURE = ipaddress.ip_address("168.63.129.16")  # the platform's own services, although the address is a public one
_REFUSED = re.compile(r"\S+ is an? [a-z-]+ address")
_LITERAL = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)(?:\.(?:[0-9]+|0x[0-9a-f]*))*\.?|.*:.*")  # as inet_aton reads them
_PORTS = {"https": 443, "http": 80, "ssh": 22}
_SECONDS = 10.0
NEXT_STEP = (
    "Add a repository or repo-creds Secret whose url it begins with, or allow the network by TODOKE_PRIVATE_NETWORKS"
)


class AddressRefused(OSError):
    """A connection was about to go where it may not."""

    def __init__(self, text: str) -> None:
        super().__init__(errno.EACCES, text)


def networks_of(text: str) -> tuple[Network, ...]:
    """CIDR blocks, written with commas. Raises: ValueError: one of them is none."""
    return tuple(ipaddress.ip_network(one.strip(), strict=False) for one in text.split(",") if one.strip())


def kind_of(address: Address) -> str:
    """What kind of address it is, when it is none of the public internet; "" when it is one.

    Source: RFC 6890 and the registries after it, as Python's ipaddress knows them.
    """
    address = _inner(address)
    for kind, holds in (
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("unspecified", address.is_unspecified),
        ("multicast", address.is_multicast),
        ("metadata", address == _AZURE),
        ("private", not address.is_global or any(address in network for network in _PRIVATE)),
    ):
        if holds:
            return kind
    return ""


def _inner(address: Address) -> Address:
    """The IPv4 address inside of one of IPv6, where there is one."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _OF_IPV4) and int(address) > 1:  # not :: and ::1
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]
    return address


class Guard:
    """Refuses loopback, private, link-local and metadata addresses, but where an administrator named the place."""

    def __init__(self, named: Callable[[str], bool], allowed: Iterable[Network] = ()) -> None:
        """Args: named: whether a URL begins with that of a credential Secret. allowed: networks that may be asked."""
        self.named, self._allowed = named, tuple(allowed)

    def refusal(self, address: str) -> str:
        """Why an address is not asked, "" when it is."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return f"{address} is a foreign address"
        inner = _inner(found)
        kind = kind_of(found)
        if not kind or any(one in network for network in self._allowed for one in (found, inner)):
            return ""
        return f"{address} is a {kind} address" if kind[0] not in "aeiou" else f"{address} is an {kind} address"

    def refusal_of_literal(self, url: str) -> str:
        """As `refusal`, of a URL whose host is an address or always means this machine; "" for another name."""
        host = unicodedata.normalize("NFKC", urlsplit(url).hostname or "")  # as names of hosts are read
        if f".{host}".rstrip(".").endswith(".localhost"):  # RFC 6761
            host = "127.0.0.1"
        return self.refusal(host) if _LITERAL.fullmatch(host) else ""

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that was resolved: the very one that is connected to. See aiohttp's `socket_factory`.

        Raises: AddressRefused.
        """
        family, kind, protocol, _, address = info
        if text := self.refusal(str(address[0])):
            raise AddressRefused(text)
        return socket.socket(family, kind, protocol)

    async def resolved(self, repo_url: str) -> str:
        """A repository's host with its addresses, for programs that connect by themselves: `host:port:address,address`.

        Raises: Blocked: one of them may not be asked. Unreachable: the name is not known.
        """
        url = repo_url if "://" in repo_url else f"ssh://{repo_url.partition(':')[0]}"  # user@host:path
        subject = f"Repository {shown_url(repo_url)}"
        try:
            parts = urlsplit(url)
            if parts.scheme not in _PORTS:
                return ""
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        except ValueError as error:
            raise Blocked(subject, "is not a valid URL") from error
        try:
            async with asyncio.timeout(_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unreachable(subject, f"its host {host} has no address") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        for text in filter(None, map(self.refusal, addresses)):
            raise blocked(subject, text)
        return "" if ":" in host else f"{host}:{port}:{','.join(addresses)}"  # of IPv6 there is nothing to look up


def blocked(subject: str, text: str) -> Blocked:
    """The error for an address that may not be asked. Args: text: as `Guard.refusal` gives it."""
    problem = f"{text}, which files in Git may not name"
    return Blocked(subject, problem, next_step=NEXT_STEP)


def refused_by(error: BaseException) -> str:
    """What `Guard.refusal` said, when that is why a connection failed; "" else."""
    told: BaseException | None = error
    while told is not None:
        inner = getattr(told, "os_error", None)
        for one in (told, inner):
            if isinstance(one, OSError) and (match := _REFUSED.search(f"{one.strerror or ''} {one}")):
                return match.group()
        told = told.__cause__ or told.__context__
    return ""
