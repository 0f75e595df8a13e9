"""The group `todoke app`."""

from todoke.cli.lazy import LazyGroup, Table, examples

_HERE = "todoke.cli.apps"
COMMANDS: Table = {
    "list": (f"{_HERE}.listing", "List applications."),
    "get": (f"{_HERE}.get", "Show one application."),
    "create": (f"{_HERE}.create", "Create an application."),
    "set": (f"{_HERE}.change", "Change source, destination or sync policy."),
    "plan": (f"{_HERE}.plan", "Show what a sync would do, step by step, and why."),
    "diff": (f"{_HERE}.diff", "Show how the cluster differs from Git, field by field."),
    "sync": (f"{_HERE}.sync", "Deliver what Git says, now."),
    "wait": (f"{_HERE}.wait", "Wait until an application is synced and healthy."),
    "refresh": (f"{_HERE}.refresh", "Have Git and the cluster looked at anew."),
    "history": (f"{_HERE}.history", "List what was deployed, and by whom."),
    "rollback": (f"{_HERE}.rollback", "Undo a release: by a revert commit, or by deploying an older revision."),
    "resources": (f"{_HERE}.resources", "List an application's objects with their health."),
    "manifests": (f"{_HERE}.manifests", "Print an application's manifests, of Git or of the cluster."),
    "delete": (f"{_HERE}.delete", "Delete an application, with its objects or without."),
}

command = LazyGroup(
    "app",
    COMMANDS,
    "Work with applications. NAME is a name in the control namespace, or NAMESPACE/NAME.",
    examples("todoke app list", "todoke app get shop", "todoke app sync shop"),
)
