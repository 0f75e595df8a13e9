"""A program of its own: runs one command with limits, and ends with everything that the command left behind.

It is started by `process.py`, imports nothing of ours, and reads an order (JSON, one line) from stdin. Stdin stays open
as long as the run is wanted: when it ends, also because todoke was killed, the command is killed. What became of it is
written as JSON to the descriptor that the order names: `status` (negative: a signal), `start` (why it did not begin) or
`ended` (the limit that it broke).

Three processes take part: this one watches; the warden below it collects orphans, and is the first process of a
namespace where there are namespaces; the command is the warden's child. Source of the numbers: Linux, include/uapi.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC, _NEW_MOUNTS = 0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x00020000
_PRIVATE, _RECURSIVE, _NO_SUID, _NO_DEVICES, _NO_PROGRAMS = 1 << 18, 1 << 14, 2, 4, 8
_DEATH_SIGNAL, _SUBREAPER, _NO_NEW_PRIVILEGES, _DROP_CAPABILITY, _DUMPABLE = 1, 36, 38, 24, 4
_LAST_CAPABILITY = 63
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_EXECUTE, _WRITE, _READ, _READ_FOLDER, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE
_FIRST_RIGHTS, _SINCE = (1 << 13) - 1, ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_TCP_SINCE, _SCOPES_SINCE = 4, 6
_BIND_AND_CONNECT, _ABSTRACT_SOCKETS_AND_SIGNALS = 3, 3
_WRITABLE_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_MOST_RULES = 20_000
_MOST_PROCESSES = 512
_WATCH_MILLISECONDS = 50
_SIZED_EVERY = 20  # looks
_MOST_FILES = 1024
_ON_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)


def _called(name: str, *arguments: Any) -> int:
    """A function of the C library; -1 and errno where it fails."""
    given = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    found: int = getattr(_libc, name)(*given)
    return found


def _required(name: str, *arguments: Any) -> int:
    found = _called(name, *arguments)
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return found


# Namespaces


def _unshare(user: bool, network: bool) -> None:
    """Processes, and the network unless it is allowed, of our own. Needs no rights where users may have namespaces."""
    who, group = os.geteuid(), os.getegid()
    flags = _NEW_PID | _NEW_IPC | (_NEW_USER if user else 0) | (0 if network else _NEW_NET)
    _required("unshare", flags)
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{who} {who} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _own_proc() -> None:
    """`/proc` that shows the processes of our namespace alone, where the system lets us."""
    if _called("unshare", _NEW_MOUNTS) == 0 and _called("mount", None, b"/", None, _PRIVATE | _RECURSIVE, None) == 0:
        _called("mount", b"proc", b"/proc", b"proc", _NO_SUID | _NO_DEVICES | _NO_PROGRAMS, None)


# Files


def landlock() -> int:
    """Version of the kernel's Landlock, 0 where there is none."""
    return max(_called("syscall", _CREATE_RULESET, None, 0, 1), 0) if _ON_LINUX else 0


def _confine(order: dict[str, Any]) -> None:
    """All files may be read and run but the hidden ones; only the run's own folder is written to."""
    version = landlock()
    rights = _FIRST_RIGHTS | sum(right for since, right in _SINCE if version >= since)
    tcp = _BIND_AND_CONNECT if version >= _TCP_SINCE and not order["network"] else 0
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= _SCOPES_SINCE else 0
    wanted = struct.pack("QQQ", rights, tcp, scopes)
    wanted = wanted[: 24 if version >= _SCOPES_SINCE else 16 if version >= _TCP_SINCE else 8]
    rules = _required("syscall", _CREATE_RULESET, wanted, len(wanted), 0)
    hidden = {os.path.realpath(path) for path in order["hidden"]}
    reading = _EXECUTE | _READ | _READ_FOLDER
    for number, path in enumerate(visible("/", hidden)):
        if number > _MOST_RULES:
            raise OSError(0, "there are too many files beside the hidden ones")
        _allow(rules, path, reading, rights)
    for path in _WRITABLE_DEVICES:
        _allow(rules, path, reading | _WRITE | _TRUNCATE, rights)
    _allow(rules, order["root"], rights, rights)
    _required("syscall", _RESTRICT_SELF, rules, 0)


def visible(path: str, hidden: set[str]) -> Iterator[str]:
    """The fewest paths beneath which all lies but what is hidden. Links are left out: they lead to what is named."""
    if path in hidden:
        return
    inside = path if path.endswith("/") else f"{path}/"
    if not any(each.startswith(inside) for each in hidden):
        yield path
        return
    try:
        with os.scandir(path) as entries:
            names = [entry.path for entry in entries if not entry.is_symlink()]
    except OSError:
        return
    for name in names:
        yield from visible(name, hidden)


def _allow(rules: int, path: str, wanted: int, known: int) -> None:
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # it went away, or we may not see it either
    try:
        is_folder = stat.S_ISDIR(os.fstat(found).st_mode)
        rule = struct.pack("=Qi", wanted & known if is_folder else wanted & known & _OF_FILES, found)
        _called("syscall", _ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(found)


# The command


def _command(order: dict[str, Any]) -> NoReturn:
    """Become the command. When that fails, say why and end."""
    try:
        if _ON_LINUX:
            _called("prctl", _DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            for capability in range(_LAST_CAPABILITY):
                _called("prctl", _DROP_CAPABILITY, capability, 0, 0, 0)
            _required("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _limit(order)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:  # what Python or whoever started
            if signal.getsignal(number) == signal.SIG_IGN:  # todoke ignores would stay ignored in the command
                signal.signal(number, signal.SIG_DFL)
        os.umask(0o077)
        if order["landlock"]:
            _confine(order)
        if order["probe"]:
            _tell(order, {"status": 0})
            os._exit(0)
        os.chdir(order["folder"])
        os.execvpe(order["command"][0], order["command"], order["environ"])  # noqa: S606 -- no shell is what we want
    except FileNotFoundError as error:
        lacking = order["folder"] if error.filename == order["folder"] else order["command"][0]
        _tell(order, {"start": f"{lacking} is not there"})
    except OSError as error:
        _tell(order, {"start": f"{order['command'][0]} does not start: {error.strerror}"})
    os._exit(127)


def _limit(order: dict[str, Any]) -> None:
    limits = {
        resource.RLIMIT_CPU: order["cpu_seconds"],
        resource.RLIMIT_FSIZE: order["file_bytes"],
        resource.RLIMIT_NOFILE: _MOST_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        allowed = resource.getrlimit(limit)[1]
        most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(limit, (most, most))


def _warden(order: dict[str, Any]) -> NoReturn:
    """Start the command, collect what ends, and end with the command: then the kernel ends its namespace."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if _ON_LINUX:
        _called("prctl", _DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        _called("prctl", _SUBREAPER, 1, 0, 0, 0)
    if order["namespaces"]:
        _own_proc()
    command = os.fork()
    if not command:
        _command(order)
    while True:
        ended, status = os.wait()
        if ended == command:
            _tell(order, {"status": os.waitstatus_to_exitcode(status)})
            os._exit(0)


def _tell(order: dict[str, Any], what: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.write(order["verdict"], json.dumps(what).encode() + b"\n")


# Watching


def descendants(pid: int) -> list[int]:
    """All processes below one, as far as the system tells."""
    found = []
    pending = [pid]
    while pending:
        parent = pending.pop()
        for task in _tasks(parent):
            with contextlib.suppress(OSError, ValueError):
                children = [int(word) for word in (task / "children").read_text().split()]
                found += children
                pending += children
    return found


def _tasks(pid: int) -> list[Path]:
    with contextlib.suppress(OSError):
        return [*Path(f"/proc/{pid}/task").iterdir()]
    return []


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def _watch(order: dict[str, Any], warden: int, woken: int) -> None:
    """Return when the warden has ended, because the command did or because it must."""
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    poll.register(woken, select.POLLIN)
    looks = 0
    while os.waitpid(warden, os.WNOHANG) == (0, 0):
        ready = dict(poll.poll(_WATCH_MILLISECONDS))
        if woken in ready:
            os.read(woken, 4096)
        looks += 1
        problem = _problem(order, warden) or (_disk(order) if looks % _SIZED_EVERY == 0 else "")
        if problem:
            _tell(order, {"ended": problem})
        if problem or 0 in ready:  # nobody writes to stdin any more: it has ended
            os.kill(warden, signal.SIGKILL)
            os.waitpid(warden, 0)
            return


def _problem(order: dict[str, Any], warden: int) -> str:
    processes = descendants(warden)
    if len(processes) > _MOST_PROCESSES:
        return "processes"
    return "memory" if sum(map(_resident, processes)) > order["memory_bytes"] else ""


def _disk(order: dict[str, Any]) -> str:
    """What the run's folder takes on disk is looked at once a second."""
    taken = 0
    for above, _, names in os.walk(order["root"]):
        for name in names:
            with contextlib.suppress(OSError):
                taken += Path(above, name).lstat().st_blocks * 512
    return "disk" if taken > order["disk_bytes"] else ""


def _sweep() -> None:
    """End what is left. Orphans became our own children, so that none escapes; who is stopped makes no new ones."""
    while True:
        stopped = set[int]()
        while fresh := set(descendants(os.getpid())) - stopped:
            _send(fresh, signal.SIGSTOP)
            stopped |= fresh
        _send(stopped, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _send(processes: set[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def main() -> None:
    """Carry out the order that stdin holds."""
    order = json.loads(sys.stdin.buffer.readline())
    os.set_inheritable(order["verdict"], False)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        if _ON_LINUX:
            _called("prctl", _SUBREAPER, 1, 0, 0, 0)
        if order["namespaces"]:
            _unshare(order["namespaces"] == "user", order["network"])
    except OSError as error:
        _tell(order, {"start": f"it cannot be kept apart: {error.strerror}"})
        return
    if _ON_LINUX:
        _called("prctl", _DUMPABLE, 0, 0, 0, 0)  # nobody reads our memory, which holds the order
    warden = os.fork()
    if not warden:
        _warden(order)
    _watch(order, warden, woken)
    _sweep()


if __name__ == "__main__":
    main()
