"""Objects as people may see them: what is secret in them is masked."""

from typing import Any

_FIRST = ("apiVersion", "kind", "metadata")
_MASK = "++++++++"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def shown_body(body: dict[str, Any]) -> dict[str, Any]:
    """A copy as people write it, without managedFields; of a Secret's values only that there are some."""
    shown = {name: body[name] for name in _FIRST if name in body} | body
    meta = {name: value for name, value in (body.get("metadata") or {}).items() if name != "managedFields"}
    shown["metadata"] = meta
    if (body.get("apiVersion"), body.get("kind")) == ("v1", "Secret"):
        for field in ("data", "stringData"):
            if body.get(field):
                shown[field] = dict.fromkeys(body[field], _MASK)
        if _LAST_APPLIED in (meta.get("annotations") or {}):
            meta["annotations"] = meta["annotations"] | {_LAST_APPLIED: _MASK}
    return shown
