"""Pruning and defaulting of custom objects by their schema.

Source: Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions", field pruning, defaulting
and nullable.
"""

from __future__ import annotations

import copy
from typing import Any

from todoke_sandbox.schema.node import Node, Shape


def prune(node: Node, value: Any, lost: list[str] | None = None) -> Any:
    """A copy of the value without the fields that the schema does not declare.

    Args: lost: is given the paths of what went.
    """
    return _prune(node, value, [] if lost is None else lost, "")


def _prune(node: Node, value: Any, lost: list[str], path: str) -> Any:
    if isinstance(value, dict):
        keeps = _keeps_unknown(node)
        kept = {}
        for name, inner in value.items():
            child = node.fields.get(name) or (node.element if _has_values(node) else None)
            if child is not None:
                kept[name] = _prune(child, inner, lost, f"{path}{name}.")
            elif keeps:
                kept[name] = copy.deepcopy(inner)
            else:
                lost.append(f"{path}{name}")
        return kept
    if isinstance(value, list):
        element = node.element or node
        return [_prune(element, inner, lost, f"{path[:-1]}[{index}].") for index, inner in enumerate(value)]
    return value


def _has_values(node: Node) -> bool:
    """Whether the schema itself speaks of values by name; an object without any fields loses all it holds."""
    return isinstance(node.schema.get("additionalProperties"), dict)


def _keeps_unknown(node: Node) -> bool:
    return node.shape is Shape.ANY or bool(node.schema.get("x-kubernetes-preserve-unknown-fields"))


def default(node: Node, value: Any) -> Any:
    """The value, changed in place: the schema's defaults where fields are absent, or null without being nullable."""
    if isinstance(value, dict):
        for name, child in node.fields.items():
            fact = node.facts[name]
            if value.get(name) is None and "default" in fact and not (name in value and fact.get("nullable")):
                value[name] = copy.deepcopy(fact["default"])
            if name in value:
                default(child, value[name])
        if node.element is not None and node.shape is Shape.MAP:
            for name in value.keys() - node.fields.keys():
                default(node.element, value[name])
    elif isinstance(value, list) and node.element is not None and node.shape is Shape.LIST:
        for inner in value:
            default(node.element, inner)
    return value
