"""Addresses and node ports of Services: given once, free again when their Service goes.

What is in use is read from the store; there is no list of it that could go wrong.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from todoke_sandbox.storage.store import Change, Store
from todoke_sandbox.storage.tables import SERVICES

CLUSTER_NETWORK: Final = ipaddress.IPv4Network("10.96.0.0/16")
NODE_PORTS: Final = range(30000, 32768)


class Exhausted(Exception):
    """No address or port is left."""


class Addresses:
    """What Services hold, kept current from their changes."""

    def __init__(self, store: Store) -> None:
        """Follows the Services of a store."""
        self._held: dict[str, str] = {}
        self._ports: dict[int, str] = {}
        self._next = 10  # the first ones are for those who ask for them by name
        store.table(SERVICES).listen(self._hear)

    def holder(self, address: str) -> str | None:
        """The Service that has an address, as `namespace/name`."""
        return self._held.get(address)

    def port_holder(self, port: int) -> str | None:
        """The Service that has a node port, as `namespace/name`."""
        return self._ports.get(port)

    def address(self) -> str:
        """A free address.

        Raises: Exhausted: there is none.
        """
        size = CLUSTER_NETWORK.num_addresses - 2
        for _ in range(size):
            self._next = self._next % size + 1
            found = str(CLUSTER_NETWORK[self._next])
            if found not in self._held:
                return found
        raise Exhausted(f"range {CLUSTER_NETWORK} is full")

    def port(self, taken: set[int]) -> int:
        """A free node port that is not among those already taken for the same Service.

        Raises: Exhausted: there is none.
        """
        for found in NODE_PORTS:
            if found not in self._ports and found not in taken:
                return found
        raise Exhausted("provided range of node ports is full")

    def _hear(self, change: Change) -> None:
        if change.before is not None:
            spec = change.before.body["spec"]
            for address in spec.get("clusterIPs") or ():
                self._held.pop(address, None)
            for port in spec.get("ports") or ():
                self._ports.pop(port.get("nodePort", 0), None)
        if change.kind == "DELETED":
            return
        owner = f"{change.after.namespace}/{change.after.name}"
        spec = change.after.body["spec"]
        for address in spec.get("clusterIPs") or ():
            if address != "None":
                self._held[address] = owner
        for port in spec.get("ports") or ():
            if number := port.get("nodePort"):
                self._ports[number] = owner
