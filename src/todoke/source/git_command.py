"""Running the `git` program: no shell, no prompt, no hooks, no configuration but ours, and no child left behind."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from todoke.source.keyring import Login

_SECONDS_TO_DIE = 5
_INHERITED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
)
_OURS = {
    "core.hooksPath": os.devnull,
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.unpackLimit": "1",  # packs are flushed to disk, loose objects are not
    "protocol.version": "2",
    "http.followRedirects": "false",  # the header below must not follow to another host
}


class Finished(msgspec.Struct, frozen=True):
    """How a git process ended."""

    status: int
    output: str
    errors: str


async def run_program(command: Sequence[str], variables: Mapping[str, str], timeout_seconds: float) -> Finished:
    """Run `git`, or another program, to its end.

    Secrets travel in the environment, never among the arguments, where other users of the machine could read them.
    Raises: FileNotFoundError: there is no such program. TimeoutError: it took too long. Then, and when we are
        cancelled, it and its children are killed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=variables,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS_TO_DIE):
                    await process.communicate()
    status = process.returncode
    return Finished(
        -1 if status is None else status, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
    )


def environment(scheme: str, login: Login, home: Path, resolved: str = "") -> dict[str, str]:
    """The variables of a git process that may use one scheme and one login.

    Args: resolved: the addresses of a host as `host:port:address,address`, where no others may be asked.
    """
    settings = dict(_OURS)
    if resolved:
        settings["http.curloptResolve"] = resolved  # from Git 2.37 on; older ones resolve the name once more
    if login.header:
        settings["http.extraHeader"] = f"Authorization: {login.header.reveal()}"
    if login.insecure:
        settings["http.sslVerify"] = "false"
    if login.authority:
        settings["http.sslCAInfo"] = login.authority
    if login.certificate:
        settings["http.sslCert"] = settings["http.sslKey"] = login.certificate
    ssh = {"GIT_SSH_COMMAND": login.ssh_command, "GIT_SSH_VARIANT": "ssh"} if login.ssh_command else {}
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if login.proxy is not None:
        settings["http.proxy"] = login.proxy.reveal()
        inherited = {name: value for name, value in inherited.items() if not name.lower().endswith("_proxy")}
    return {
        **ssh,
        **inherited,
        **_numbered(settings),
        "GIT_ALLOW_PROTOCOL": scheme,
        "GIT_ASKPASS": "",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": str(home),
        "LC_ALL": "C",
        "SSH_ASKPASS": "",
        "XDG_CONFIG_HOME": str(home),
    }


def _numbered(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings in the form in which git reads them from its environment. Source: git-config, GIT_CONFIG_COUNT."""
    found = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found
