"""What a repoURL names, and what the Secrets say of it."""

from __future__ import annotations

import base64

import pytest

from tests.source.charts.conftest import credential
from todoke.model.credentials import Credential, CredentialUse, SecretText, credential_of
from todoke.model.errors import Blocked
from todoke.source.charts.helm_repositories import index_url, resolved
from todoke.source.charts.places import place
from todoke.source.charts.proxies import bypassed, proxy_for
from todoke.source.keyring import Keyring, Options
from todoke.source.urls import locate


def secret(**data: str) -> Credential:
    """The credential in a Secret."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    found = credential_of("repository", encoded, "Secret/argocd/charts")
    assert found is not None
    return found


def test_what_a_secret_says_of_charts() -> None:
    found = secret(
        url="registry.example/charts",
        type="helm",
        enableOCI="true",
        insecureOCIForceHttp="true",
        proxy="http://u:s3cret@proxy:3128",
        noProxy=".example",
        username="taro",
        password="w0rd",
    )
    assert (found.kind, found.enable_oci, found.plain_http, found.no_proxy) == ("helm", True, True, ".example")
    assert found.proxy.reveal() == "http://u:s3cret@proxy:3128"
    assert "s3cret" not in repr(found)
    bare = secret(url="https://git.example/x")
    assert (bare.kind, bare.enable_oci, bare.plain_http, bool(bare.proxy)) == ("", False, False, False)


@pytest.mark.parametrize(
    ("url", "asked", "name", "is_registry"),
    [
        ("https://charts.example/stable/", "https://charts.example/stable", "", False),
        ("oci://registry.example/team/charts", "https://registry.example", "team/charts", True),
        ("registry.example/team/charts", "https://registry.example", "team/charts", True),
        ("oci://Registry.example:5000", "https://registry.example:5000", "", True),
        ("oci://docker.io/bitnamicharts", "https://registry-1.docker.io", "bitnamicharts", True),
        ("plain.example:5000/x", "http://plain.example:5000", "x", True),
        ("oci://[::1]:5000/x", "https://[::1]:5000", "x", True),
    ],
)
def test_places(keyring: Keyring, url: str, asked: str, name: str, is_registry: bool) -> None:
    keyring.replace(
        [
            credential("registry.example", use=CredentialUse.TEMPLATE, kind="helm", enable_oci=True),
            credential("oci://plain.example:5000/x", "hana", kind="oci", plain_http=True),
        ]
    )
    found = place(url, keyring)
    assert (found.url, found.name, found.is_registry) == (asked, name, is_registry)


def test_logins_of_registries_are_written_with_or_without_a_scheme(keyring: Keyring) -> None:
    for url in ("registry.example/team", "oci://registry.example/team"):
        keyring.replace([credential(url, enable_oci=True)])
        assert place("oci://registry.example/team", keyring).login.origin == "Secret/argocd/taro"
        assert not place("oci://registry.example.evil.example/team", keyring).login.origin
        assert not place("https://registry.example/team", keyring).login.origin
    assert place("oci://u:p@registry.example/other", keyring).login.origin == "the repository's URL"


def test_the_repository_says_first_and_the_template_what_it_leaves_open(keyring: Keyring) -> None:
    proxy = SecretText("http://proxy")
    keyring.replace(
        [
            Credential(CredentialUse.REPOSITORY, "https://a/x", kind="helm", insecure=True),
            credential("https://a", use=CredentialUse.TEMPLATE, kind="git", proxy=proxy, no_proxy="b"),
        ]
    )
    assert keyring.options(locate("https://a/x")) == Options("helm", insecure=True, proxy=proxy, no_proxy="b")
    assert keyring.options(locate("https://b/x")) == Options()


def test_another_login_is_another_place(keyring: Keyring) -> None:
    seen = {place("https://a/x", keyring).identity}
    for user in ("taro", "hana"):
        keyring.replace([credential("https://a/x", user)])
        seen.add(place("https://a/x", keyring).identity)
        assert f"{user}-pass" not in place("https://a/x", keyring).identity
    for proxy in ("http://one", "http://two"):
        keyring.replace([credential("https://a/x", proxy=SecretText(proxy))])
        seen.add(place("https://a/x", keyring).identity)
    assert len(seen) == 5


@pytest.mark.parametrize("url", ["oci://", "oci:///x", "oci://a b/x", "oci://a/x?y=1", "oci://a/x@sha256:0", "oci://["])
def test_what_is_no_registry(keyring: Keyring, url: str) -> None:
    with pytest.raises(Blocked):
        place(url, keyring)


@pytest.mark.parametrize(
    ("rules", "host", "port", "expected"),
    [
        ("*", "a.example", None, True),
        ("example", "a.example", None, True),
        ("example", "example", None, True),
        ("example", "badexample", None, False),
        (".example", "example", None, False),
        (".example", "a.example", None, True),
        ("*.example", "a.example", None, True),
        ("a.example:8080", "a.example", 8080, True),
        ("a.example:8080", "a.example", 443, False),
        ("10.0.0.0/8", "10.1.2.3", None, True),
        ("10.0.0.0/8", "11.1.2.3", None, False),
        ("10.0.0.0/8", "a.example", None, False),
        ("[::1]:80", "::1", 80, True),
        ("x, A.Example ,", "a.example", None, True),
        ("", "a.example", None, False),
    ],
)
def test_hosts_without_a_proxy(rules: str, host: str, port: int | None, expected: bool) -> None:
    assert bypassed(host, port, rules) is expected


def test_without_a_secrets_proxy_that_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "direct.example")
    assert proxy_for("https://a.example/x", Options()) == "http://proxy.example:3128"
    assert proxy_for("https://direct.example/x", Options()) is None
    ours = Options(proxy=SecretText("http://ours"), no_proxy="a.example")
    assert proxy_for("https://a.example/x", ours) is None
    assert proxy_for("https://b.example/x", ours) == "http://ours"


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("https://a/b", "c.tgz", "https://a/b/c.tgz"),
        ("https://a/b/", "/c.tgz", "https://a/c.tgz"),
        ("https://a/b?sig=1", "d/c.tgz", "https://a/b/d/c.tgz?sig=1"),
        ("https://a/b?sig=1", "https://x/c.tgz", "https://x/c.tgz"),
        ("https://a", "../c.tgz", "https://a/c.tgz"),
    ],
)
def test_addresses_of_archives(base: str, url: str, expected: str) -> None:
    assert resolved(base, url) == expected


def test_the_address_of_an_index() -> None:
    assert index_url("https://a/b?sig=1") == "https://a/b/index.yaml?sig=1"
    assert index_url("https://a") == "https://a/index.yaml"
