"""Short names for templates, in the letters that Kubernetes makes names of.

Source: Kubernetes documentation, "Pod-template-hash label"; the alphabet has no vowels, so that no words come out.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def short_hash(content: Mapping[str, Any], collisions: int | None = None) -> str:
    """Up to ten letters that stand for a content. Args: collisions: how often the name was taken by something else."""
    number = zlib.crc32(msgspec.json.encode(content, order="deterministic"))
    if collisions is not None:
        number = zlib.crc32(str(collisions).encode(), number)
    return "".join(LETTERS[ord(digit) % len(LETTERS)] for digit in str(number))
