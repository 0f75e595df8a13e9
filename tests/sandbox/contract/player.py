"""Plays a script of HTTP requests on an API server and writes down what it answered, without what only chance decides.

A script is a list of steps in YAML:

    - POST: /api/v1/namespaces/{ns}/configmaps     # {ns} is the script's own namespace, on each server another
      body: {metadata: {name: a}, data: {k: v}}
      type: merge                                  # json, merge, strategic or apply for PATCH; else plain JSON
      as: tests                                    # the field manager
      keep: {uid: metadata.uid}                    # for later steps, as {uid}
      until: {status.phase: Active}                # a GET is repeated until the answer says so
      show: [metadata.name]                        # compare these paths alone, besides the HTTP status
"""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

Json = dict[str, Any]

TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATIENCE_SECONDS = 20.0
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ADDRESS = re.compile(r"\b10\.\d+\.\d+\.\d+\b")
_SUFFIXED = re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}(?![a-z0-9])")


@dataclass(frozen=True)
class Server:
    """An API server to play on."""

    url: str
    token: str
    trust: ssl.SSLContext

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Answer:
        """The answer, also when it is a refusal."""
        sent = {"Authorization": f"Bearer {self.token}", "User-Agent": "contract/1"} | dict(headers)
        data = None
        if body is not None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.trust) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """Decoded where it is JSON."""
        return json.loads(self.content) if self.content.lstrip()[:1] in (b"{", b"[") else self.content.decode()


@dataclass
class Play:
    """One script on one server. Attributes: told: per step, what was answered."""

    server: Server
    namespace: str
    told: list[Any] = field(default_factory=list)
    _kept: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, dict[str, str]] = field(default_factory=dict)
    _uids: dict[str, str] = field(default_factory=dict)

    def run(self, script: list[Json]) -> list[Any]:
        """Every step of the script."""
        for step in script:
            (method,) = [verb for verb in VERBS if verb in step]
            path = self._filled(step[method])
            if manager := step.get("as"):
                path += ("&" if "?" in path else "?") + f"fieldManager={manager}"
            answer = self._answer(method, path, step)
            for name, place in (step.get("keep") or {}).items():
                self._kept[name] = quote(str(at(answer.body, place)), safe="")
            self.told.append(self._shown(answer, step))
        return self.told

    def _answer(self, method: str, path: str, step: Json) -> Answer:
        body = self._filled(step["body"]) if "body" in step else None
        headers = dict(step.get("headers") or {})
        if kind := step.get("type"):
            headers["Content-Type"] = TYPES.get(kind, kind)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.server.ask(method, path, body, headers)
            wanted = step.get("until")
            if wanted is None:
                return answer
            if wanted == "gone":
                reached = answer.status == 404
            else:
                reached = all(at(answer.body, place) == value for place, value in wanted.items())
            if reached:
                return answer
            assert time.monotonic() < deadline, f"{method} {path} never said {wanted}: {answer.content[:2000]!r}"
            time.sleep(0.05)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            for name, text in (self._kept | {"ns": self.namespace}).items():
                value = value.replace("{" + name + "}", text)
            return value
        if isinstance(value, dict):
            return {self._filled(key): self._filled(inner) for key, inner in value.items()}
        return [self._filled(inner) for inner in value] if isinstance(value, list) else value

    def _shown(self, answer: Answer, step: Json) -> Any:
        body = answer.body
        if "show" in step:
            body = {place: at(body, place) for place in step["show"]}
        said: list[Any] = [answer.status, self._masked(body)]
        if warning := answer.headers.get("Warning"):
            said.append(warning)
        return said

    def _masked(self, value: Any, place: str = "") -> Any:
        """Without chance: times, identities, versions, names of namespaces; equal ones stay equal."""
        if isinstance(value, dict):
            owner = value.get("metadata") if isinstance(value.get("metadata"), dict) else None
            here = f"{value.get('kind')}/{owner.get('name')}" if owner else place
            shown = {self._text(key): self._masked(inner, here) for key, inner in value.items()}
            if "resourceVersion" in value:
                shown["resourceVersion"] = self._version(place, value["resourceVersion"])
            if entries := value.get("managedFields"):  # their order is that of the seconds in which they were made
                shown["managedFields"] = sorted(self._masked(entries, here), key=_whose)
            if causes := value.get("causes"):  # told in no certain order
                shown["causes"] = sorted(self._masked(causes, here), key=str)
            return shown
        if isinstance(value, list):
            return [self._masked(inner, place) for inner in value]
        return self._text(value) if isinstance(value, str) else value

    def _version(self, place: str, version: Any) -> str:
        """Versions count from one per object."""
        seen = self._versions.setdefault(place, {})
        return seen.setdefault(str(version), f"version {len(seen) + 1}")

    def _text(self, text: str) -> str:
        text = text.replace(self.namespace, "NAMESPACE")
        text = _UID.sub(lambda found: self._uids.setdefault(found[0], f"uid {len(self._uids) + 1}"), text)
        return _SUFFIXED.sub("SUFFIX", _ADDRESS.sub("ADDRESS", _TIME.sub("TIME", text)))


def _whose(entry: Json) -> tuple[str, str, str]:
    return entry["manager"], entry["operation"], entry.get("subresource", "")


def at(body: Any, place: str) -> Any:
    """The value at a dotted path; numbers are places in lists. None where there is none."""
    found = body
    for name in place.split("."):
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name.replace("~1", ".")) if isinstance(found, dict) else None
    return found
