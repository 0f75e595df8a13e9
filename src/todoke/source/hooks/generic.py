"""The form for everything else: a pipeline, a mirror job, a script with curl.

    {"repository": "https://git.example.org/shop.git", "ref": "refs/heads/main", "revision": "<sha>",
     "before": "<sha>", "changed": ["shop/web.yaml"]}

Only `repository` must be there. `changed` counts together with `before` and `revision`: all files that differ between
the two.
"""

import msgspec

from todoke.model.webhooks import NotUnderstood, Push
from todoke.source.hooks.payload import MOST_FILES, commit_of, decoded, named


class _Push(msgspec.Struct):
    repository: str
    ref: str | None = None
    revision: str | None = None
    before: str | None = None
    changed: list[str] | None = None


def generic(event: str, body: bytes) -> tuple[Push, ...]:
    """The push in an event of our own form. Raises: NotUnderstood."""
    if event == "ping":
        return ()
    if event != "push":
        raise NotUnderstood("generic", f"X-Todoke-Event is {event[:40]!r}: push and ping are understood")
    found = decoded("generic", body, _Push)
    changed = tuple(found.changed or ()) or None
    push = Push(
        named("generic", (found.repository,)),
        found.ref or "",
        commit_of(found.revision),
        commit_of(found.before),
        changed if changed and len(changed) < MOST_FILES else None,
    )
    return (push,)
