"""In which form a client wants its answer, read from the Accept header.

Source: Kubernetes documentation, "Kubernetes API Concepts", "Receiving resources as Tables"; a real server's answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from todoke_sandbox.verbs.refusals import Refusal

TABLE: Final = "Table"
PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"
DISCOVERY: Final = "APIGroupDiscoveryList"
_META: Final = "meta.k8s.io"
_WILD: Final = ("application/json", "application/*", "*/*")
_NONE: Final = (
    "only the following media types are accepted: application/json (the sandbox writes neither YAML nor protobuf)"
)


@dataclass(frozen=True)
class Form:
    """A form of answers. Attributes: shape: empty for the object itself. version: of the shape's kind."""

    shape: str = ""
    version: str = ""

    @property
    def api_version(self) -> str:
        """As Tables and partial objects bear it."""
        return f"{_META}/{self.version}"


PLAIN: Final = Form()
_SHAPES: Final = {
    (TABLE, "v1"), (TABLE, "v1beta1"), (PARTIAL, "v1"), (PARTIAL, "v1beta1"), (PARTIAL_LIST, "v1"),
    (PARTIAL_LIST, "v1beta1"),
}  # fmt: skip


@lru_cache(maxsize=64)
def form(accept: str) -> Form:
    """The first form of those a client accepts that is to be had here.

    Raises: Refusal: 406, there is none.
    """
    if not accept or accept in _WILD:
        return PLAIN
    for part in accept.split(","):
        media, *pairs = (piece.strip() for piece in part.split(";"))
        facts = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        if media.lower() not in _WILD:
            continue
        if "as" not in facts:
            return PLAIN
        if facts.get("g", "") == _META and (facts["as"], facts.get("v", "")) in _SHAPES:
            return Form(facts["as"], facts["v"])
    raise Refusal(406, "NotAcceptable", _NONE)


def wants_aggregated(accept: str) -> bool:
    """Whether discovery is to come as one document."""
    first = accept.split(",")[0].replace(" ", "")
    return f"as={DISCOVERY}" in first and "v=v2" in first.split(";") and "application/json" in first
