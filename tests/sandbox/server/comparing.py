"""The same request to both servers: what they answer, without what only chance decides."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.sandbox.contract.player import TYPES, Answer, Server

Json = dict[str, Any]

ACCEPTS = {
    "table": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "table only": "application/json;as=Table;v=v1;g=meta.k8s.io",
    "partial": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "partial list": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "aggregated": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
}
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CHANCE = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
)
HEADERS = ("Content-Type", "Warning", "Retry-After")
DECIDED_BY_CHANCE = ("resourceVersion", "continue", "token")


def told(server: Server, step: Json, known: dict[str, str]) -> Any:
    """What a server answers to one step of a case.

    Args: known: values for `{name}` in the step; what the step keeps is added.
    """
    (method,) = [verb for verb in VERBS if verb in step]
    headers = {"Accept": ACCEPTS.get(step.get("accept", ""), step.get("accept", "application/json"))}
    if user := step.get("user"):
        headers["Impersonate-User"] = user
    if kind := step.get("type"):
        headers["Content-Type"] = TYPES.get(kind, kind)
    headers |= step.get("headers", {})
    body = filled(step["body"], known) if "body" in step else None
    answer = server.ask(method, filled(step[method], known), body, headers)
    for name, path in step.get("keep", {}).items():
        found = answer.body
        for part in path.split("."):
            found = found[part]
        known[name] = str(found)
    return shown(answer, known, step.get("only"))


def shown(answer: Answer, known: dict[str, str], only: list[str] | None = None) -> Any:
    """Status, some headers and body, without chance."""
    headers = {name: answer.headers[name].partition(";")[0] for name in HEADERS if name in answer.headers}
    text = answer.content.decode()
    lines = [json.loads(line) for line in text.splitlines()] if text.startswith('{"type"') else None
    body = [line for line in lines if not _says_only_when(line)] if lines is not None else answer.body
    if only is not None:
        body = {name: body.get(name) for name in only}
    return {"status": answer.status, "headers": headers, "body": plain(body, known)}


def _says_only_when(line: Any) -> bool:
    """Whether a line of a watch is a bookmark in passing: the real server sends one when others write meanwhile."""
    if not isinstance(line, dict) or line.get("type") != "BOOKMARK":
        return False
    return not line["object"].get("metadata", {}).get("annotations")


def plain(value: Any, known: dict[str, str]) -> Any:
    """A value without what only chance decides."""
    if isinstance(value, dict):
        if value.get("kind") == "Table":
            return _plain_table(value, known)
        return {
            name: "?" if name in DECIDED_BY_CHANCE and isinstance(inner, str) else plain(inner, known)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [plain(inner, known) for inner in value]
    if isinstance(value, str):
        for pattern, text in CHANCE:
            value = pattern.sub(text, value)
        return value.replace(known["ns"], "NAMESPACE")
    return value


def _plain_table(table: Json, known: dict[str, str]) -> Json:
    """Descriptions are for nobody, ages differ by the seconds that the two servers are asked apart."""
    columns = [{**column, "description": ""} for column in table["columnDefinitions"] or ()]
    rows = [plain({**row, "cells": [_ageless(cell) for cell in row["cells"]]}, known) for row in table["rows"]]
    metadata = plain(table["metadata"], known)
    return {"kind": "Table", "apiVersion": table["apiVersion"], "metadata": metadata, "columns": columns, "rows": rows}


def _ageless(cell: Any) -> Any:
    return "AGE" if isinstance(cell, str) and re.fullmatch(r"(\d+[smhdy]){1,2}", cell) else cell


def filled(value: Any, known: dict[str, str]) -> Any:
    """A value with `{name}` replaced by what is known."""
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, dict):
        return {name: filled(inner, known) for name, inner in value.items()}
    return [filled(inner, known) for inner in value] if isinstance(value, list) else value
