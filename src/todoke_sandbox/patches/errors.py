"""What a patch can be refused with: an HTTP status and the server's own message."""

from __future__ import annotations

from typing import Final

REJECTED: Final = "the server rejected our request due to an error in our request"


class PatchRefused(ValueError):
    """A patch that cannot be read or does not apply.

    Attributes:
        status: of the answer: 400, 422 or 500. reason: of the answer, empty with 500.
        detail: what is wrong, where the server's message does not say it.
    """

    def __init__(self, message: str, *, status: int = 500, detail: str = "") -> None:
        """The reason follows from the status."""
        super().__init__(message)
        self.status = status
        self.reason = {400: "BadRequest", 422: "Invalid"}.get(status, "")
        self.detail = detail


def undecodable(patch: object, wanted: str) -> PatchRefused:
    """A patch that is JSON, but of the wrong type."""
    names = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}
    got = names.get(type(patch), "number")
    return PatchRefused(
        f"error decoding patch: json: cannot unmarshal {got} into Go value of type {wanted}", status=400
    )


def does_not_apply(detail: str) -> PatchRefused:
    """A JSON patch whose operations cannot be carried out. The server tells its clients no more."""
    return PatchRefused(REJECTED, status=422, detail=detail)
