"""How a command reaches the walks: the doors that main opens, and the flags that every connected command has."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from todoke.ci.workbench import Workbench
    from todoke.delivery.queries import Queries
    from todoke.review.local import Local
    from todoke.review.walk import Reviewer

T = TypeVar("T")


class Api(Protocol):
    """Requests to one API server, as a person who has a kubeconfig may make them."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        subject: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of a 2xx answer. Raises: DeliveryError: it is refused, or there is no answer."""
        ...


class Doors(NamedTuple):
    """What the composition root offers. Settings are its own type; a face only hands them on."""

    serve: Callable[[Any, Callable[[str], None]], None]
    queries: Callable[[Any], AbstractAsyncContextManager[Queries]]
    install: Callable[[Any, Iterable[Mapping[str, Any]]], list[str]]
    api: Callable[[Any], AbstractAsyncContextManager[Api]]
    reviewer: Callable[[Any, Path, bool], AbstractAsyncContextManager[Reviewer]]
    """The walk of a review, of the clone around a folder; whether the cluster is asked too."""
    local: Callable[[Any, Path], AbstractAsyncContextManager[tuple[Local, str]]]
    """What renders a folder or file of this machine, and its path there."""
    ci: Callable[[Path], Workbench]
    """What compiles CI configurations, for the folder that one lies in."""
    settings: Callable[[Mapping[str, Any]], Any]
    """Settings from flags by field name (None = not given), the environment and the defaults."""
    settings_type: type
    """The class of the settings, for its fields and their docstrings."""


class Session:
    """One command's connection, opened when it is used."""

    def __init__(self, doors: Doors, flags: Mapping[str, Any]) -> None:
        self.doors, self._flags = doors, flags

    @property
    def settings(self) -> Any:
        """The settings. Raises: click.UsageError: a variable's text is not of the expected type."""
        return settings_from(self.doors, self._flags)

    def run(self, ask: Callable[[Queries], Awaitable[T]]) -> T:
        """Open the rooms, ask, close them."""
        import asyncio

        async def run() -> T:
            async with self.doors.queries(self.settings) as queries:
                return await ask(queries)

        return asyncio.run(run())


def settings_from(doors: Doors, flags: Mapping[str, Any]) -> Any:
    """The settings. Raises: click.UsageError: a variable's text is not of the expected type."""
    try:
        return doors.settings(flags)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


_FLAGS = (
    click.option("-n", "--namespace", metavar="NAME", help="Control namespace. [default: $TODOKE_NAMESPACE or todoke]"),
    click.option("--kubeconfig", metavar="FILE", help="Kubeconfig. [default: $KUBECONFIG or ~/.kube/config]"),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig. [default: its current one]"),
    click.option("--installation", metavar="NAME", help="Name of the installation, when it has one."),
)


def connected(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the flags of a connection, and a Session as its first argument."""

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        flags = {name: kwargs.pop(name) for name in ("namespace", "kubeconfig", "context", "installation")}
        doors: Doors = click.get_current_context().find_root().obj
        return command(Session(doors, flags), *args, **kwargs)

    for flag in reversed(_FLAGS):
        flag(wrapper)
    return wrapper
