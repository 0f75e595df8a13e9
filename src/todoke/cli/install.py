"""`todoke install`: what a cluster needs, printed for Git or applied."""

import re

import click

from todoke import __version__
from todoke.cli.deployment import Installation, rights, workload
from todoke.cli.lazy import examples
from todoke.cli.output import as_documents, as_yaml, out
from todoke.cli.rights import COMMENT, OBSERVE_COMMENT
from todoke.cli.session import Session, connected
from todoke.model.crd import custom_resource_definitions


@click.group(
    "install",
    epilog=examples("todoke install crds --apply", "todoke install manifests | kubectl apply --server-side -f -"),
)
def command() -> None:
    """Print or apply what todoke needs in a cluster."""


@command.command("crds", epilog=examples("todoke install crds", "todoke install crds --apply --context production"))
@click.option("--apply", "apply_", is_flag=True, help="Apply them on the server, instead of printing them.")
@connected
def crds(session: Session, apply_: bool) -> None:
    """Print the CustomResourceDefinitions, or apply them. One that somebody else made is never replaced."""
    definitions = custom_resource_definitions()
    if not apply_:
        out(as_documents(definitions))
        return
    for line in session.doors.install(session.settings, definitions):
        out(line)


@command.command(
    "manifests",
    epilog=examples(
        "todoke install manifests --image registry.example.com/todoke:0.1.0 | kubectl apply --server-side -f -",
        "todoke install manifests --kinds cert-manager.io/certificates,pods",
        "todoke install manifests --observe --namespace watcher",
    ),
)
@click.option("-n", "--namespace", default="todoke", show_default=True, metavar="NAME", help="Control namespace.")
@click.option("--image", default=f"todoke:{__version__}", show_default=True, metavar="IMAGE", help="Image to run.")
@click.option("--kinds", default="", metavar="GROUP/PLURAL,...", help="Further kinds that are delivered.")
@click.option("--observe", is_flag=True, help="Only look: rights to read, and a controller that writes nothing.")
@click.option("--installation", default="", metavar="NAME", help="Name of the installation, when it has one.")
def manifests(namespace: str, image: str, kinds: str, observe: bool, installation: str) -> None:
    """Print namespace, account, roles, Deployment and Service of a controller, for `kubectl apply` or for Git."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", namespace):
        raise click.UsageError(f"{namespace!r} is no name of a namespace")
    wish = Installation(namespace, image, _kinds(kinds), observe, installation)
    parts = []
    for body in rights(wish):
        comment = (OBSERVE_COMMENT if observe else COMMENT) if body["kind"] == "ClusterRole" else ""
        parts.append(comment + as_yaml(body))
    out("\n---\n".join([*parts, as_documents(workload(wish))]))


def _kinds(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, _, plural = part.rpartition("/")
        if not plural or "*" in part or plural != plural.lower():
            raise click.UsageError(f"--kinds {part}: expected GROUP/PLURAL, such as cert-manager.io/certificates")
        found.append(("" if group in ("", "core") else group, plural))
    return tuple(found)
