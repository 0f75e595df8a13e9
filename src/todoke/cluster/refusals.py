"""What the API server's refusals mean to us: one table from answer to outcome."""

import msgspec

from todoke.model.errors import Blocked, DeliveryError, Forbidden, Missing, NotReady, Unreachable


class _Details(msgspec.Struct):
    kind: str = ""
    name: str = ""
    retryAfterSeconds: int = 0  # noqa: N815 -- the server's spelling


class Answer(msgspec.Struct):
    """The `Status` object that stands in for an answer."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


_decode = msgspec.json.Decoder(Answer).decode
_MALFORMED = ("failed to create typed patch object", "failed to convert new object")


def refusal(status: int, body: bytes, subject: str) -> DeliveryError:
    """Our error for an HTTP status of 400 or more; the server's own message is kept, cut to 600 characters."""
    try:
        answer = _decode(body)
    except msgspec.DecodeError:
        answer = Answer(message=body[:200].decode("utf-8", "replace").strip() or f"HTTP {status}")
    message = answer.message[:600] or f"HTTP {status}"
    if status == 404:
        return _not_found(subject, message, answer)
    if status == 409:
        return NotReady(subject, message, retry_after=0.2)
    if status in (429, 503, 504) or (status >= 500 and not any(text in message for text in _MALFORMED)):
        return Unreachable(subject, f"the API server answered {status}: {message}")
    refused = Forbidden if status == 403 else Blocked
    return refused(subject, message, next_step=_next_step(status, answer))


def _not_found(subject: str, message: str, answer: Answer) -> DeliveryError:
    kind, name = (answer.details.kind, answer.details.name) if answer.details else ("", "")
    if kind == "namespaces":
        step = f"Create the namespace {name}, or set the sync option CreateNamespace=true"
        return Missing(subject, f'namespace "{name}" not found', next_step=step)
    return Missing(subject, message)


def _next_step(status: int, answer: Answer) -> str:
    if status == 401:
        return "Log in again or renew the token"
    if status == 403 and answer.reason == "Forbidden" and "is being terminated" not in answer.message:
        return "Grant this right, or correct the namespace"
    if status == 413:
        return "Make the object smaller"
    return "Correct the manifest" if status in (400, 415, 422, 500) else ""
