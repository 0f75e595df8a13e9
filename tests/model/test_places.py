"""Which URLs mean the same repository."""

from __future__ import annotations

import pytest

from todoke.model.sources import place_of

SHOP = "git.example.org/acme/shop"


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/acme/shop.git",
        "https://hana:secret@GIT.example.org:8443/Acme/shop/",
        "http://git.example.org/acme/shop",
        "ssh://git@git.example.org:2222/acme/shop.git",
        "ssh://git@ssh.git.example.org:443/acme/shop.git",
        "ssh://git@altssh.git.example.org/acme/shop",
        "git@git.example.org:acme/shop.git",
        "git@ssh.git.example.org:/acme/shop",
        "git.example.org/acme/shop",
        " https://git.example.org/acme/shop\n",
    ],
)
def test_one_repository_has_one_place(url: str) -> None:
    assert place_of(url) == SHOP


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/acme/shop-2",
        "https://git.example.org/acme/shop/more",
        "https://git.example.org.evil.example/acme/shop",
        "https://evil.example/git.example.org/acme/shop",
        "https://ssh.git.example.org/acme/shop",
        "ssh://other.git.example.org/acme/shop",
        "ssh://-oProxyCommand=x@git.example.org/acme/shop",
        "",
    ],
)
def test_another_repository_has_another(url: str) -> None:
    assert place_of(url) != SHOP


def test_files_and_numeric_addresses() -> None:
    assert place_of("file:///srv/shop.git") == place_of("/srv/shop") == "/srv/shop"
    assert place_of("https://[::1]:8443/shop.git") == place_of("ssh://git@[::1]:22/shop") == "[::1]/shop"
