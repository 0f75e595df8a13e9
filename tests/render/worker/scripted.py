"""A render worker that does as its request says: `{"engine": …, "do": [[step, argument …] …]}`.

It knows nothing of the project, as it is run by a bare interpreter: see `conftest.install`.
"""

import json
import os
import signal
import struct
import sys

GREETING = {"protocol": 1, "kustomize": "v5", "helm": "v4", "jsonnet": "v0"}


def say(kind: str, payload: bytes, length: int | None = None) -> None:
    write(kind.encode() + struct.pack(">I", len(payload) if length is None else length) + payload)


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def exactly(size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = os.read(0, size - len(found))
        if not more:
            sys.exit(0)
        found += more
    return found


def heard() -> tuple[str, bytes]:
    kind, length = exactly(1), struct.unpack(">I", exactly(4))[0]
    return kind.decode(), exactly(length)


class Steps:
    """What can be asked of it. A step that returns True has ended the request."""

    def __init__(self) -> None:
        self.eaten: list[bytearray] = []

    def ask(self, kind: str, path: str) -> None:
        """Ask, and print the answer."""
        say(kind, path.encode())
        answer, payload = heard()
        text = f"{answer} {payload.decode(errors='replace')}\n".encode()
        for start in range(0, len(text), 2**20):
            say("O", text[start : start + 2**20])

    def ask_quietly(self, kind: str, path: str) -> None:
        say(kind, path.encode())
        heard()

    def ask_own(self, kind: str) -> None:
        """Ask for a path that is this process' id."""
        self.ask_quietly(kind, str(os.getpid()))

    def print(self, text: str) -> None:
        say("O", text.encode())

    def flood(self, mib: int) -> None:
        for _ in range(mib):
            say("O", b"x" * 2**20)

    def flood_questions(self) -> None:
        question = b"K" + struct.pack(">I", 1) + b"x"
        while True:
            write(question * 10_000)
            exactly(5 * 10_000)

    def tell(self) -> None:
        """Print what this process is."""
        from pathlib import Path

        about = {
            "pid": os.getpid(),
            "group": os.getpgrp(),
            "session": os.getsid(0),
            "folder": str(Path.cwd()),
            "environment": sorted(set(os.environ) - {"LC_CTYPE"}),  # Python's own
            "limit": os.environ.get("GOMEMLIMIT"),
            "files": len(list(Path("/dev/fd").iterdir())) - 1,
        }
        say("O", json.dumps(about).encode())

    def eat(self, mib: int) -> None:
        """Take memory and keep it."""
        for _ in range(mib):
            self.eaten.append(bytearray(b"x" * 2**20))

    def complain(self, text: str) -> None:
        os.write(2, text.encode())

    def complain_for_ever(self) -> None:
        while True:
            os.write(2, b"x" * 2**16)

    def hang(self) -> None:
        while True:
            signal.pause()

    def exit(self, status: int) -> None:
        os._exit(status)

    def die(self, name: str) -> None:
        os.kill(os.getpid(), getattr(signal, name))
        self.hang()

    def half(self, status: int) -> None:
        say("O", b"the first half", length=1000)
        os._exit(status)

    def lie(self, kind: str, length: int) -> None:
        say(kind, b"", length)
        self.hang()

    def close_output(self) -> None:
        os.close(1)
        self.hang()

    def fail(self, text: str, missing: list[dict[str, str]] | None = None) -> bool:
        say("E", json.dumps({"error": text, "missing": missing or []}).encode())
        return True

    def verdict(self, text: str) -> bool:
        """End with a payload that may be anything."""
        say("E", text.encode())
        return True

    def answer_twice(self, text: str) -> bool:
        """End the request, and add what would be the answer to the next one."""
        end = b"E" + struct.pack(">I", 2) + b"{}"
        write(end + b"O" + struct.pack(">I", len(text)) + text.encode() + end)
        return True


def main() -> None:
    say("H", json.dumps(GREETING).encode())
    steps = Steps()
    while True:
        request = json.loads(heard()[1])
        if not any(getattr(steps, name)(*arguments) for name, *arguments in request["do"]):
            say("E", b'{"error": ""}')


if __name__ == "__main__":
    main()
