"""`todoke repo add`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from todoke.cli.lazy import examples
from todoke.cli.output import out
from todoke.cli.session import Session, connected
from todoke.delivery.queries import Queries
from todoke.delivery.repositories import RepositoryDesk, RepositoryWish
from todoke.model.credentials import CredentialUse, SecretText

_FILES = {"ssh_key": "sshPrivateKey", "client_cert": "tlsClientCertData", "client_key": "tlsClientCertKey"}
_FILES |= {"github_app_key": "githubAppPrivateKey"}
_TEXTS = {"kind": "type", "name": "name", "project": "project", "username": "username", "proxy": "proxy"}
_TEXTS |= {"no_proxy": "noProxy", "github_app_id": "githubAppID", "github_app_installation": "githubAppInstallationID"}
_SWITCHES = {"insecure": "insecure", "insecure_host_key": "insecureIgnoreHostKey", "lfs": "enableLfs"}
_SWITCHES |= {"oci": "enableOCI"}
_FILE = click.Path(path_type=Path)


@click.command(
    "add",
    epilog=examples(
        "todoke repo add https://git.example.com/acme/shop.git",
        "todoke repo add https://git.example.com/acme/shop.git --username bot --password-stdin < password",
        "todoke repo add git@git.example.com:acme/shop.git --ssh-private-key-path ~/.ssh/deploy",
        "todoke repo add https://git.example.com/acme --template --token-stdin < token",
        "todoke repo add https://charts.example.com --type helm --name charts",
    ),
)
@click.argument("url")
@click.option("--type", "kind", type=click.Choice(["git", "helm", "oci"]), default="git", show_default=True)
@click.option("--name", default="", help="A name, for people.")
@click.option("--project", default="", metavar="NAME", help="Only for this project.")
@click.option("--username", default="", metavar="USER", help="Who logs in.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--token-stdin", is_flag=True, help="Read a bearer token from standard input.")
@click.option("--ssh-private-key-path", "ssh_key", type=_FILE, metavar="FILE", help="A deploy key without passphrase.")
@click.option("--tls-client-cert-path", "client_cert", type=_FILE, metavar="FILE", help="A client certificate, PEM.")
@click.option("--tls-client-cert-key-path", "client_key", type=_FILE, metavar="FILE", help="Its key, PEM.")
@click.option("--github-app-id", default="", metavar="ID", help="Log in as this GitHub App.")
@click.option("--github-app-installation-id", "github_app_installation", default="", metavar="ID")
@click.option("--github-app-private-key-path", "github_app_key", type=_FILE, metavar="FILE")
@click.option("--insecure", is_flag=True, help="Do not check the server's certificate.")
@click.option("--insecure-ignore-host-key", "insecure_host_key", is_flag=True, help="Do not check the SSH host key.")
@click.option("--enable-lfs", "lfs", is_flag=True, help="Fetch files from Git LFS.")
@click.option("--enable-oci", "oci", is_flag=True, help="The Helm repository is an OCI registry.")
@click.option("--proxy", default="", metavar="URL", help="Reach it by this proxy.")
@click.option("--no-proxy", default="", metavar="HOSTS", help="Except these hosts, with commas.")
@click.option("--template", is_flag=True, help="For all repositories whose URL begins with URL.")
@click.option("--write", is_flag=True, help="A login that may push: for undo.")
@click.option("--no-test", is_flag=True, help="Do not ask the repository first.")
@connected
def command(
    session: Session, url: str, template: bool, write: bool, no_test: bool, password_stdin: bool, token_stdin: bool,
    **wanted: Any,
) -> None:  # fmt: skip
    """Put a repository on record: a Secret in the control namespace. The repository is asked with that login first.

    No secret is given on the command line: passwords and tokens come by standard input, keys from files. A repository
    that is on record already gets the new login in place of the old one.
    """
    if password_stdin and token_stdin:
        raise click.UsageError("--password-stdin and --token-stdin exclude each other")
    data = _data(wanted)
    if password_stdin or token_stdin:
        data["password" if password_stdin else "bearerToken"] = SecretText(sys.stdin.read().rstrip("\r\n"))
    elif wanted["username"] and sys.stdin.isatty():
        data["password"] = SecretText(click.prompt("Password", hide_input=True, err=True))
    wish = RepositoryWish(url, _use(template=template, write=write), data)

    async def ask(queries: Queries) -> str:
        return await RepositoryDesk(queries).add(wish, test=not no_test)

    out(f"secret/{session.run(ask)} holds {url}")


def _use(*, template: bool, write: bool) -> CredentialUse:
    if template:
        return CredentialUse.WRITE_TEMPLATE if write else CredentialUse.TEMPLATE
    return CredentialUse.WRITE if write else CredentialUse.REPOSITORY


def _data(wanted: Mapping[str, Any]) -> dict[str, SecretText]:
    """The Secret's fields, as far as something is said of them."""
    found = {field: SecretText(wanted[name]) for name, field in _TEXTS.items() if wanted[name]}
    found |= {field: SecretText("true") for name, field in _SWITCHES.items() if wanted[name]}
    return found | {field: _read(wanted[name]) for name, field in _FILES.items() if wanted[name]}


def _read(path: Path) -> SecretText:
    try:
        return SecretText(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from error
