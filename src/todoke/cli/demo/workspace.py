"""The story's folder: a repository and its clone, kubeconfig, ledger and log, private to the user, gone at the end."""

import os
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from todoke.cli.demo.kubeconfig import Chosen, overlay

READER, WRITER = "todoke", "you"
"""Users of the Git server: the controller's, which may read, and the person's."""

_NOT_INHERITED = ("TODOKE_", "KUBE", "GIT_")


class Workspace:
    """The folder and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clone = folder / "manifests"
        self.log = folder / "controller.log"
        self.log.touch(mode=0o600)
        self.users = {READER: secrets.token_urlsafe(18), WRITER: secrets.token_urlsafe(18)}

    def write_private(self, name: str, text: str) -> Path:
        """A file that nobody else may read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def use(self, kubeconfig: Path, chosen: Chosen, namespace: str) -> dict[str, str]:
        """Lay the story's context over a kubeconfig: the variables that point kubectl and todoke at it."""
        from todoke.cli.output import as_yaml

        ours = self.write_private("kubeconfig", as_yaml(overlay(chosen, namespace)) + "\n")
        return {
            "KUBECONFIG": f"{ours}{os.pathsep}{kubeconfig}",
            "KUBECACHEDIR": str(self.folder / "kubectl"),
            "TODOKE_NAMESPACE": namespace,
            "TODOKE_STATE_FOLDER": str(self.folder / "state"),
        }

    def git_settings(self, url: str) -> list[tuple[str, str]]:
        """Settings of the clone, by which `git push` works whatever else the user has configured."""
        host = urlsplit(url).netloc
        store = self.write_private("git-credentials", f"http://{WRITER}:{self.users[WRITER]}@{host}\n")
        return [
            ("user.name", "You"),
            ("user.email", "you@example.com"),
            ("commit.gpgSign", "false"),
            ("http.proxy", ""),
            ("credential.helper", ""),  # the user's own helpers are not asked, and do not keep this login
            ("credential.helper", f"store --file {shlex.quote(str(store))}"),
        ]

    def write_env(self, variables: Mapping[str, str]) -> Path:
        """A file that a shell reads to be pointed at all of this."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        program = Path(sys.executable).parent / "todoke"
        if program.exists() and shutil.which("todoke") != str(program):
            lines.append(f'export PATH={shlex.quote(str(program.parent))}:"$PATH"')
        return self.write_private("env", "\n".join([*lines, f"cd {shlex.quote(str(self.clone))}"]) + "\n")

    def keep_log(self) -> str:
        """Move the controller's log out of the folder: where it is now, "" when there is none."""
        if not self.log.stat().st_size:
            return ""
        number, kept = tempfile.mkstemp(prefix="todoke-demo-", suffix=".log")
        os.close(number)
        shutil.copyfile(self.log, kept)
        return kept


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What the story's programs see: these variables, none of the user's own for todoke, kubectl and git."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    local = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost")))
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1"}
    return kept | quiet | {"NO_PROXY": local, "no_proxy": local} | dict(variables)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A new one, mode 0700, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="todoke-demo-"))
    try:
        yield Workspace(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
