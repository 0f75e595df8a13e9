"""Where texts of orbs are fetched: the registry, or Git repositories. Rooms are opened when they are asked."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from todoke.model.credentials import SecretText
from todoke.model.orb_locks import GitPlace, Offer, Reference

if TYPE_CHECKING:
    from todoke.source.orbs.registry import Registry

TOKENS: Final = ("TODOKE_ORB_TOKEN", "CIRCLECI_CLI_TOKEN")


def token_of(environment: Mapping[str, str]) -> SecretText:
    """The registry's token in an environment; empty when there is none."""
    return SecretText(next((environment[name].strip() for name in TOKENS if environment.get(name, "").strip()), ""))


class Market:
    """An async context manager. Implements the port `Market` of todoke.ci."""

    def __init__(self, registry: str, token: SecretText) -> None:
        """Nothing is asked yet. Args: registry: the address of its GraphQL."""
        self._address, self._token = registry, token
        self._registry: Registry | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Market":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def published(self, reference: Reference) -> Offer:
        """The text that the registry has for a reference. Raises: Blocked, Unreachable."""
        if self._registry is None:
            from todoke.source.orbs.registry import Registry

            self._registry = Registry(self._address, self._token)
            self._stack.push_async_callback(self._registry.close)
        return await self._registry.published(reference)

    async def in_git(self, place: GitPlace, reference: Reference) -> Offer:
        """The orb that lies in a Git repository. Raises: Blocked, Unreachable."""
        from todoke.source.orbs.git_orbs import fetched

        return await fetched(place, reference)
