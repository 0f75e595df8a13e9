"""An SSH server on the loopback that serves the Git repositories of a folder to whoever has one of its keys.

async with SshServer(folder, host_key) as server:
    server.authorized = [key]
    await source.refresh(server.url("shop.git"))
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from pathlib import Path
from typing import Any

import asyncssh

from todoke_sandbox.git.environment import git_environment

_SERVICES = ("git-upload-pack", "git-receive-pack")


class _Gate(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._server.users.append(username)
        return any(key.public_data == one.public_data for one in self._server.authorized)


class SshServer:
    """The server. Attributes may be changed while it runs.

    Attributes:
        authorized: keys that may log in. users: who tried, in order. commands: what was run, in order.
        large_files: the answer to who asks where Git LFS is.
    """

    def __init__(self, folder: Path, host_key: asyncssh.SSHKey) -> None:
        self.folder, self.host_key = folder, host_key
        self.authorized: list[asyncssh.SSHKey] = []
        self.users: list[str] = []
        self.commands: list[str] = []
        self.large_files: str = ""
        self._listening: Any = None

    async def __aenter__(self) -> SshServer:
        self._listening = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            server_factory=lambda: _Gate(self),
            process_factory=self._run,
            encoding=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        await self._listening.wait_closed()

    @property
    def port(self) -> int:
        return int(self._listening.get_port())

    def url(self, name: str) -> str:
        """The URL of a repository in the folder."""
        return f"ssh://git@127.0.0.1:{self.port}/{name}"

    def known(self, key: asyncssh.SSHKey | None = None) -> str:
        """The line of known hosts for it, of its own key or of another."""
        public = (key or self.host_key).export_public_key().decode().split()[:2]
        return f"[127.0.0.1]:{self.port} {' '.join(public)}\n"

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        service, path, *_ = shlex.split(process.command or "")
        self.commands.append(service)
        if service == "git-lfs-authenticate":
            process.stdout.write(self.large_files.encode())
            process.exit(0)
            return
        folder = self.folder / path.strip("/")
        if service not in _SERVICES or not folder.is_dir():
            process.stderr.write(b"ERROR: Repository not found.\n")
            process.exit(128)
            return
        variables = git_environment()
        if version := process.env.get("GIT_PROTOCOL"):
            variables["GIT_PROTOCOL"] = version if isinstance(version, str) else version.decode()
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            service, str(folder), stdin=pipe, stdout=pipe, stderr=pipe, env=variables
        )
        asked = asyncio.create_task(_pump(process.stdin, child.stdin))
        await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        asked.cancel()
        process.exit(await child.wait())


async def _pump(source: Any, target: Any) -> None:
    with contextlib.suppress(ConnectionError, asyncssh.BreakReceived, asyncssh.ConnectionLost):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
        if isinstance(target, asyncio.StreamWriter):
            target.close()
