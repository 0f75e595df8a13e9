"""Installs our CustomResourceDefinitions, and never touches those that somebody else made."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from todoke.cluster.client import KubeClient
from todoke.model.errors import Blocked, Missing, Unreachable
from todoke.model.objects import labels
from todoke.model.tracking import MANAGER

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_LABEL, _OURS = "app.kubernetes.io/part-of", "todoke"
_SERVED_TRIES, _SERVED_PAUSE = 100, 0.1


async def install_definitions(client: KubeClient, bodies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Apply definitions on the server and wait until they are served: a line for each on what became of it.

    Raises:
        Blocked: one of them is there and not ours; then none is changed. Unreachable: it was not served in time.
    """
    wanted = list(bodies)
    there = {body["metadata"]["name"]: await _read(client, body["metadata"]["name"]) for body in wanted}
    for name, live in there.items():
        if live is not None and labels(live).get(_LABEL) != _OURS:
            raise _foreign(name, live)
    lines = []
    for body in wanted:
        name = body["metadata"]["name"]
        before, after = there[name], await _apply(client, name, body)
        same = before is not None and before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
        lines.append(f"{_subject(name)} {'created' if before is None else 'unchanged' if same else 'configured'}")
    for name in there:
        await _served(client, name)
    return lines


def _subject(name: str) -> str:
    return f"CustomResourceDefinition/{name}"


async def _read(client: KubeClient, name: str) -> dict[str, Any] | None:
    try:
        raw = await client.request("GET", f"{_DEFINITIONS}/{name}", subject=_subject(name))
    except Missing:
        return None
    body: dict[str, Any] = msgspec.json.decode(raw)
    return body


def _foreign(name: str, live: dict[str, Any]) -> Blocked:
    maker = labels(live).get(_LABEL)
    whose = f"it is part of {maker}" if maker else f"it has no label {_LABEL}"
    return Blocked(
        _subject(name),
        f"it was not made by todoke: {whose}",
        field=f'metadata.labels["{_LABEL}"]',
        next_step="Keep it, todoke reads what Argo CD's own definitions hold; or hand it over with "
        f"`kubectl label crd {name} {_LABEL}={_OURS} --overwrite` and try again",
    )


async def _apply(client: KubeClient, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    path = f"{_DEFINITIONS}/{name}?fieldManager={MANAGER}&force=true"
    raw = await client.request("PATCH", path, subject=_subject(name), body=msgspec.json.encode(body), headers=_APPLY)
    answer: dict[str, Any] = msgspec.json.decode(raw)
    return answer


async def _served(client: KubeClient, name: str) -> None:
    for _ in range(_SERVED_TRIES):
        live = await _read(client, name) or {}
        conditions = (live.get("status") or {}).get("conditions") or ()
        if any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions):
            return
        await asyncio.sleep(_SERVED_PAUSE)
    raise Unreachable(_subject(name), "it was applied, and is not served after 10 s")
