"""A process that ends with whoever started it, whatever becomes of that one."""

import os
import signal
import sys
import threading


def end_with_input() -> None:
    """Let this process be ended as by SIGTERM when its standard input closes: its other end dies with its holder."""
    threading.Thread(target=_wait, daemon=True, name="end with input").start()


def _wait() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
