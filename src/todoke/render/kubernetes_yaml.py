"""YAML read exactly as Kubernetes reads it.

Kubernetes turns YAML into JSON with sigs.k8s.io/yaml, whose rules are those of YAML 1.1 with exceptions: `on` and `yes`
are booleans, also as keys; `0644` is octal; `1.0` is the number 1; times stay text; of two equal keys the last wins;
a merge key counts where it stands in the document. PyYAML's C parser finds the nodes, the rules for them are here.
"""

import base64
import binascii
import math
import re
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_NODES = 250_000
LARGEST_EXPANSION = 50 * 1024 * 1024
DEEPEST = 200

_PLAIN, _QUOTED = "plain", "quoted"
_TAG = "tag:yaml.org,2002:"
_RESOLVED_TAGS = frozenset(_TAG + name for name in ("int", "float", "bool", "null"))
_NULLS = ("", "~", "null", "Null", "NULL")
_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")
_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(_NULLS),
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
}
_NUMBER_STARTS = frozenset("0123456789+-.")
_NOT_FINITE = frozenset(sign + "." + word for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")) | {
    ".nan",
    ".NaN",
    ".NAN",
}
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_BASES = {"x": 16, "b": 2, "o": 8}
_LARGEST_EXACT = 9.2e18  # beyond it Go writes a float as a float


class NotYaml(ValueError):
    """The text is not YAML, or not YAML that Kubernetes reads. `line` counts from 1, 0 when unknown."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line


def load(document: bytes) -> Any:
    """The value of one YAML document, made of what JSON can hold; None for an empty one.

    Raises: NotYaml: broken syntax, a key that is no text, more than 200 levels, 250,000 nodes or 50 MB when all
        aliases are written out.
    """
    try:
        parser = _Parser(document)
        try:
            root = parser.get_single_node()
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(error.problem or str(error), mark.line + 1 if mark else 0) from error
    except yaml.YAMLError as error:
        raise NotYaml(str(error).partition("\n")[0]) from error
    if root is None:
        return None
    if b"&" in document and b"*" in document:
        _Expansion().check(root)
    return _value(root, 0)


class _Parser(CParser):
    """libyaml's parser without any rules for what plain text means; nodes carry as tag how they were written.

    It counts while it builds, so that a hostile document exhausts neither the stack nor the memory.
    """

    def __init__(self, document: bytes) -> None:
        super().__init__(document)
        self._depth = self._nodes = 0

    def resolve(self, kind: type[Node], _value: str, implicit: Any) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return ""

    def descend_resolver(self, parent: Node | None, _index: Any) -> None:
        """Called by the parser before each node."""
        self._depth += 1
        if self._depth > DEEPEST + 1:
            raise _too_deep(parent.start_mark if parent is not None else None)

    def ascend_resolver(self) -> None:
        """Called by the parser after each node."""
        self._depth -= 1
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _too_large()


def _too_deep(mark: Any) -> NotYaml:
    return NotYaml(f"is nested more than {DEEPEST} levels deep", mark.line + 1 if mark else 0)


def _too_large() -> NotYaml:
    size = LARGEST_EXPANSION // 1024 // 1024
    return NotYaml(f"has more than {MOST_NODES} nodes or {size} MiB when its aliases are written out")


class _Expansion:
    """The size that a document has once its aliases are written out, found without writing them out."""

    def __init__(self) -> None:
        self._sizes: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def check(self, root: Node) -> None:
        nodes, size = self._size(root)
        if nodes > MOST_NODES or size > LARGEST_EXPANSION:
            raise _too_large()

    def _size(self, node: Node) -> tuple[int, int]:
        if isinstance(node, ScalarNode):
            return 1, len(node.value)
        identity = id(node)
        if identity in self._sizes:
            return self._sizes[identity]
        if identity in self._open:
            raise NotYaml("an anchor contains itself", node.start_mark.line + 1)
        if len(self._open) > DEEPEST:
            raise _too_deep(node.start_mark)
        self._open.add(identity)
        nodes, size = 1, 0
        for child in _children(node):
            more_nodes, more_size = self._size(child)
            nodes, size = nodes + more_nodes, size + more_size
        self._open.discard(identity)
        self._sizes[identity] = nodes, size
        return nodes, size


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _value(node: Node, depth: int) -> Any:
    if node.__class__ is ScalarNode:
        return _scalar(node)
    if depth >= DEEPEST:
        raise _too_deep(node.start_mark)
    depth += 1
    if node.__class__ is SequenceNode:
        return [_scalar(one) if one.__class__ is ScalarNode else _value(one, depth) for one in node.value]
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.__class__ is not ScalarNode:
            raise NotYaml("a key is a list or a map", key_node.start_mark.line + 1)
        if key_node.value == "<<" and key_node.tag == _PLAIN:
            _merge(found, value_node, depth)
            continue
        key = _scalar(key_node)
        if key.__class__ is not str:
            key = _key(key, key_node)
        found[key] = _scalar(value_node) if value_node.__class__ is ScalarNode else _value(value_node, depth)
    return found


def _merge(into: dict[str, Any], node: Node, depth: int) -> None:
    """Apply a merge key; of several maps the first wins."""
    maps = [node] if node.__class__ is not SequenceNode else node.value[::-1]
    for one in maps:
        if one.__class__ is not MappingNode:
            raise NotYaml("a merge key wants a map", node.start_mark.line + 1)
        into.update(_value(one, depth))


def _key(key: Any, node: Node) -> str:
    if key is True or key is False:
        return "true" if key else "false"
    if key is None:
        raise NotYaml("a key is null", node.start_mark.line + 1)
    return str(key)


def _scalar(node: Any) -> Any:
    tag, text = node.tag, node.value
    if tag == _PLAIN:
        if text in _WORDS:
            return _WORDS[text]
        return _number(node, text) if text[0] in _NUMBER_STARTS else text
    if tag in _RESOLVED_TAGS:
        return _WORDS[text] if text in _WORDS else _number(node, text)
    return _binary(node) if tag == _TAG + "binary" else text


def _number(node: Any, text: str) -> int | float | str:
    """The number that plain text stands for, or the text."""
    if text in _NOT_FINITE:
        raise NotYaml(f"{text} is not a number that JSON can hold", node.start_mark.line + 1)
    digits = text.replace("_", "")
    if _INTEGER.match(digits):
        number = _integer(digits)
        return number if -(1 << 63) <= number < (1 << 64) else float(number)
    if not _FLOAT.match(digits):
        return text
    real = float(digits)
    if math.isinf(real):
        return text
    return int(real) if real.is_integer() and abs(real) < _LARGEST_EXACT else real


def _integer(text: str) -> int:
    unsigned = text.lstrip("+-")
    if len(unsigned) > 1 and unsigned[0] == "0":
        letter = unsigned[1].lower()
        number = int(unsigned[2:], _BASES[letter]) if letter in _BASES else int(unsigned, 8)
    else:
        number = int(unsigned)
    return -number if text[0] == "-" else number


def _binary(node: Any) -> str:
    try:
        return base64.b64decode("".join(node.value.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise NotYaml("!!binary is not base64", node.start_mark.line + 1) from error
