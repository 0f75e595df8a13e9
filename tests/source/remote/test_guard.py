"""Addresses that files in Git may not name, in all their spellings."""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
import pytest

from tests.source.charts.servers import HelmServer
from todoke.model.errors import Blocked
from todoke.source.remote.guard import AddressRefused, Guard, kind_of, networks_of, refused_by

REFUSED = {
    "127.0.0.1": "loopback",
    "::1": "loopback",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "private",
    "198.18.0.1": "private",
    "fd00::1": "private",
    "169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "0.0.0.0": "unspecified",
    "::": "unspecified",
    "224.0.0.1": "multicast",
    "168.63.129.16": "metadata",
    "fd00:ec2::254": "private",
    "100.100.100.200": "private",
    "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "link-local",
    "64:ff9b::10.0.0.1": "private",
    "2002:7f00:1::": "loopback",
    "::127.0.0.1": "loopback",
    "::ffff:0:169.254.169.254": "link-local",
    "64:ff9b:1::7f00:1": "private",
    "fec0::1": "private",
    "192.0.0.192": "private",
    "192.88.99.1": "private",
    "5f00::1": "private",
    "3fff::1": "private",
}


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_of_our_own_network_is_refused(address: str) -> None:
    assert kind_of(ipaddress.ip_address(address)) == REFUSED[address]


@pytest.mark.parametrize("address", ["1.1.1.1", "140.82.121.4", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_asked(address: str) -> None:
    assert Guard(lambda _url: False).refusal(address) == ""


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.0.0.1.", "\uff11\uff12\uff17.0.0.1", "[::1]",
     "localhost", "a.localhost."],
)  # fmt: skip
def test_every_way_to_write_an_address_is_one(host: str) -> None:
    assert Guard(lambda _url: False).refusal_of_literal(f"http://me@{host}:8080/x")


@pytest.mark.parametrize("host", ["example.com", "1.example.com", "0xcafe.example", "localhost.example", "8.8.8.8"])
def test_names_and_public_addresses_are_not_refused_as_written(host: str) -> None:
    assert Guard(lambda _url: False).refusal_of_literal(f"http://{host}/x") == ""


def test_an_allowed_network_is_asked_in_both_spellings() -> None:
    guard = Guard(lambda _url: False, networks_of("10.0.0.0/8, fd00::/8"))
    assert [guard.refusal(text) for text in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1%eth0")] == ["", "", ""]
    assert guard.refusal("192.168.0.1") == "192.168.0.1 is a private address"


def test_the_socket_is_refused_at_the_very_address_that_is_connected_to() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))
    with pytest.raises(AddressRefused, match="private"):
        Guard(lambda _url: False).socket(info)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"])
async def test_no_connection_is_made(web: HelmServer, host: str) -> None:
    url = web.url.replace("127.0.0.1", host)
    connector = aiohttp.TCPConnector(socket_factory=Guard(lambda _url: False).socket)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises((aiohttp.ClientError, ValueError)) as caught:
            await session.get(url)
    assert "loopback" in refused_by(caught.value) or isinstance(caught.value, aiohttp.InvalidURL)
    assert web.requests == []


@pytest.mark.parametrize(
    "repository",
    [
        "http://127.0.0.1:8000/a.git",
        "ssh://git@127.0.0.1:2222/a.git",
        "git@10.0.0.1:a/b.git",
        "https://localhost/a.git",
        "https://[::1]/a.git",
    ],
)
async def test_programs_that_connect_by_themselves_are_not_started(repository: str) -> None:
    with pytest.raises(Blocked, match="which files in Git may not name"):
        await Guard(lambda _url: False).resolved(repository)


@pytest.mark.parametrize("repository", ["git@[::1]:a/b", "ssh://git@host:99999/a"])
async def test_what_is_no_url_is_refused(repository: str) -> None:
    with pytest.raises(Blocked, match="is not a valid URL"):
        await Guard(lambda _url: False).resolved(repository)


async def test_such_programs_get_the_addresses_that_were_looked_at() -> None:
    guard = Guard(lambda _url: False, networks_of("127.0.0.0/8"))
    assert await guard.resolved("http://127.0.0.1:8000/a.git") == "127.0.0.1:8000:127.0.0.1"
    assert await Guard(lambda _url: False, networks_of("::1/128")).resolved("https://[::1]/a.git") == ""
    assert await guard.resolved("https://127.0.0.1/a.git") == "127.0.0.1:443:127.0.0.1"
