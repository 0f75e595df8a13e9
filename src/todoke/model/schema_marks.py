"""How our typed models stand on the wire: their base, their JSON names, and what Python types cannot say.

What a Python type does not carry (int64, date-time, int-or-string, free-form objects) is said by the named
types here; `model/crd.py` writes it into the schemas of the CustomResourceDefinitions.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

T = TypeVar("T")

_EXCEPTIONS = {
    "repo_url": "repoURL",
    "external_urls": "externalURLs",
    "dry_sha": "drySHA",
    "hydrated_sha": "hydratedSHA",
    "key_id": "keyID",
}


def json_name(field: str) -> str:
    """The field's name in JSON: camelCase but for a few words that Argo CD writes in capitals."""
    first, *rest = field.split("_")
    return _EXCEPTIONS.get(field) or first + "".join(word.capitalize() for word in rest)


class Model(msgspec.Struct, frozen=True, omit_defaults=True, rename=json_name):
    """A part of a custom resource. Unknown fields are passed over, defaults are not written."""


def required(make: Callable[[], T]) -> T:
    """Default of a field that the schema demands: read as `make()` when absent, and always written."""
    default: T = msgspec.field(default_factory=make)
    return default


Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""A moment as RFC 3339 text, `""` when unset."""

Int64 = Annotated[int, msgspec.Meta(extra_json_schema={"format": "int64"})]

IntOrString = Annotated[int | str, msgspec.Meta(extra_json_schema={"x-kubernetes-int-or-string": True})]

FREE_FORM = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

FreeForm = Annotated[dict[str, Any], msgspec.Meta(extra_json_schema=FREE_FORM)]
"""An object whose fields are the user's own and must survive."""
