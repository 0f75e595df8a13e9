"""Servers, a clock that is moved by hand, and charts with an empty cache."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

import pytest

from tests.source.charts.servers import HelmServer, RegistryServer
from todoke.model.credentials import Credential, CredentialUse, SecretText
from todoke.model.errors import Blocked
from todoke.model.telemetry import Silent
from todoke.source.charts import Charts, Limits
from todoke.source.keyring import Keyring

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[\w.]+)?(\+[\w.]+)?")


async def matching(constraint: str, versions: Sequence[str]) -> list[str]:
    """As much of Helm's constraints as these tests write; the real ones are tested in test_versions.py."""
    pre = constraint.endswith("-0")
    if constraint in ("*", ">=0.0.0-0"):
        lowest, below = (0, 0, 0), (10**9, 0, 0)
    elif match := re.fullmatch(r"\^(\d+)(?:\.(\d+))?", constraint):
        lowest, below = (int(match[1]), int(match[2] or 0), 0), (int(match[1]) + 1, 0, 0)
    elif match := _VERSION.fullmatch(constraint):
        lowest = (int(match[1]), int(match[2]), int(match[3]))
        below = (lowest[0], lowest[1], lowest[2] + 1)
    else:
        raise Blocked("Version constraint", f'"{constraint}" is not valid')
    found = []
    for version in versions:
        match = _VERSION.fullmatch(version)
        if match and (pre or not match[4]):
            number = (int(match[1]), int(match[2]), int(match[3]))
            if lowest <= number < below:
                found.append((number, not match[4], version))
    return [version for _, _, version in sorted(found, reverse=True)]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def credential(
    url: str, user: str = "taro", use: CredentialUse = CredentialUse.REPOSITORY, **more: object
) -> Credential:
    """A login for a repository."""
    origin = f"Secret/argocd/{user}"
    return Credential(use, url, user, SecretText(f"{user}-pass"), origin=origin, **more)  # type: ignore[arg-type]


@pytest.fixture
async def helm() -> AsyncIterator[HelmServer]:
    """A Helm repository."""
    server = HelmServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def elsewhere() -> AsyncIterator[HelmServer]:
    """A server of files at another host."""
    server = HelmServer()
    await server.start("localhost")
    yield server
    await server.stop()


@pytest.fixture
async def registry() -> AsyncIterator[RegistryServer]:
    """An OCI registry without TLS."""
    server = RegistryServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "certificates")


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Charts]


@pytest.fixture
async def make(tmp_path: Path, keyring: Keyring, clock: Clock) -> AsyncIterator[Make]:
    """Makes charts that share one folder, as one process after the other does."""
    made: list[Charts] = []

    def charts(**limits: float) -> Charts:
        made.append(
            Charts(tmp_path / "cache", keyring, matching, Silent(), limits=Limits(**limits), clock=clock)  # type: ignore[arg-type]
        )
        return made[-1]

    yield charts
    for each in made:
        await each.close()


@pytest.fixture
def charts(make: Make) -> Charts:
    return make()


@pytest.fixture
def plain(keyring: Keyring) -> Callable[[RegistryServer, Iterable[Credential]], None]:
    """Says that a registry speaks no TLS, beside other credentials."""

    def said(registry: RegistryServer, more: Iterable[Credential] = ()) -> None:
        template = Credential(
            CredentialUse.TEMPLATE,
            registry.host,
            kind="helm",
            enable_oci=True,
            plain_http=True,
            origin="Secret/argocd/plain",
        )
        keyring.replace([template, *more])

    return said
