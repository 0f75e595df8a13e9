"""Waiting for an application, as people do: what is still missing, told whenever it changes, until a time is over."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from todoke.model.errors import Blocked, DeliveryError, Unreachable

Body = dict[str, Any]
Look = Callable[[], Awaitable[Body | None]]
Unmet = Callable[[Body | None], str]
"""What is still missing, "" when the waiting is over."""

Tell = Callable[[str], None]
"""Told one line for a person."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 1.0
_RUNNING = ("Running", "Terminating")


class WaitFor(msgspec.Struct, frozen=True):
    """What has to be so. Of several healths one is enough."""

    sync: bool = False
    healths: frozenset[str] = frozenset()
    operation: bool = False
    deleted: bool = False


EVERYTHING = WaitFor(sync=True, healths=frozenset({"Healthy"}), operation=True)


def unmet(body: Body | None, wanted: WaitFor) -> str:
    """What is still missing of what is wanted, "" when nothing is.

    Raises:
        Blocked: the application is gone, and that is not what is waited for.
    """
    if wanted.deleted:
        return "" if body is None else "it is still there"
    if body is None:
        raise Blocked("application", "it was deleted meanwhile")
    status = body.get("status") or {}
    missing = []
    if wanted.operation and operation_running(body):
        missing.append("the sync has not ended")
    if (wanted.sync or wanted.healths) and not _looked_at(body):
        missing.append("the newest spec was not looked at yet")
    sync = (status.get("sync") or {}).get("status", "Unknown")
    if wanted.sync and sync != "Synced":
        missing.append(f"it is {sync}")
    health = status.get("health") or {}
    if wanted.healths and health.get("status", "Unknown") not in wanted.healths:
        why = f": {health['message']}" if health.get("message") else ""
        missing.append(f"its health is {health.get('status', 'Unknown')}{why}")
    return ", ".join(missing)


def operation_running(body: Mapping[str, Any]) -> bool:
    """Whether a sync is asked for or under way."""
    state = (body.get("status") or {}).get("operationState") or {}
    return body.get("operation") is not None or state.get("phase") in _RUNNING


def _looked_at(body: Mapping[str, Any]) -> bool:
    compared = ((body.get("status") or {}).get("sync") or {}).get("comparedTo") or {}
    spec = body.get("spec") or {}
    return bool(compared) and all(compared.get(name) == spec.get(name) for name in ("source", "sources"))


def state_line(body: Body | None) -> str:
    """An application's state in one line: sync, health and why, the operation."""
    if body is None:
        return "gone"
    status = body.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    words = [sync.get("status", "Unknown"), health.get("status", "Unknown")]
    line = ", ".join(words)
    if message := health.get("message"):
        line += f" ({message})"
    state = status.get("operationState") or {}
    if operation_running(body):
        asked = body.get("operation") is not None and state.get("phase") not in _RUNNING
        line += "; sync asked for" if asked else f"; sync running: {state.get('message') or 'applying'}"
    errors = [c["message"] for c in status.get("conditions") or () if str(c.get("type", "")).endswith("Error")]
    return line + "".join(f"; {message}" for message in errors[:1])


async def wait_until(subject: str, look: Look, missing: Unmet, seconds: float, tell: Tell) -> Body | None:
    """Look until nothing is missing: the body as it is then.

    An API server that is away for a while is borne.

    Raises:
        Blocked: the time is over; says what is still missing.
    """
    loop = asyncio.get_running_loop()
    end, pause, said = loop.time() + seconds, _FIRST_PAUSE, ""
    while True:
        try:
            body = await look()
            left = missing(body)
        except Unreachable as error:
            line = left = str(error)
        else:
            if not left:
                return body
            line = state_line(body)
        if line != said:
            tell(line)
            said, pause = line, _FIRST_PAUSE
        if loop.time() + pause > end:
            raise Late(subject, seconds, left)
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, _LONGEST_PAUSE)


class Late(DeliveryError):
    """What was waited for did not come in time."""

    def __init__(self, subject: str, seconds: float, left: str) -> None:
        super().__init__(subject, f"after {seconds:.0f} s: {left}", next_step="Look at it with `todoke app get`")
