"""A context of the story's own, laid over somebody's kubeconfig: theirs is read and never written, no secret is copied.

Source of the rule that the first of several files decides: Kubernetes, "Organizing Cluster Access Using kubeconfig
Files", merging.
"""

from typing import Any, NamedTuple

from todoke.model.errors import Blocked

CONTEXT = "todoke-demo"


class Chosen(NamedTuple):
    """A context of a kubeconfig, and the server it leads to."""

    context: str
    cluster: str
    user: str
    server: str


def choose(name: str, text: str, context: str) -> Chosen:
    """The context of that name in a kubeconfig's text, else its current one.

    Args: name: how messages name the file.
    Raises: Blocked: it is no kubeconfig, or holds no such context.
    """
    import yaml

    subject = f"kubeconfig {name}"
    try:
        document = yaml.safe_load(text) or {}
        contexts = {entry["name"]: entry.get("context") or {} for entry in document.get("contexts") or ()}
        clusters = {entry["name"]: entry.get("cluster") or {} for entry in document.get("clusters") or ()}
        wanted = context or document.get("current-context") or ""
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        problem = f"it cannot be read as one: {' '.join(str(error).split())[:200]}"
        raise Blocked(subject, problem, next_step="Name another with --kubeconfig") from error
    if wanted not in contexts:
        problem = f'there is no context "{wanted}"' if wanted else "it has no current context"
        there = ", ".join(sorted(contexts)) or "none"
        raise Blocked(subject, problem, next_step=f"Choose with --context; it holds: {there}")
    found = contexts[wanted]
    cluster = str(found.get("cluster", ""))
    return Chosen(wanted, cluster, str(found.get("user", "")), str((clusters.get(cluster) or {}).get("server", "")))


def overlay(chosen: Chosen, namespace: str) -> dict[str, Any]:
    """A kubeconfig with one context, in the story's namespace. It stands before the chosen one in KUBECONFIG."""
    context = {"cluster": chosen.cluster, "user": chosen.user, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": CONTEXT, "context": context}],
        "current-context": CONTEXT,
    }
