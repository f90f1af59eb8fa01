"""The demo's processes: started with a log each, and ended, all of them, whatever happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

GRACE_S: Final = 8.0
TAIL_LINES: Final = 25
_PR_SET_PDEATHSIG: Final = 1


class Processes:
    """Child processes by name, each in a session of its own: Ctrl-C reaches the demo alone, which then ends them."""

    def __init__(self, logs: Path) -> None:
        self._logs: Final = logs
        self._running: Final[dict[str, subprocess.Popen[bytes]]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], cwd: Path) -> int:
        """Start a program; standard output and error go to its log. Its pid."""
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self._running[name] = child
        return child.pid

    def log(self, name: str) -> Path:
        """Where a program's output is."""
        return self._logs / f"{name}.log"

    def ended(self) -> dict[str, int]:
        """Programs that ended by themselves, with their exit codes."""
        return {name: code for name, child in self._running.items() if (code := child.poll()) is not None}

    def finished(self, name: str) -> bool:
        """Whether a program has ended well."""
        return self._running[name].poll() == 0

    def tails(self) -> dict[str, list[str]]:
        """The last lines of every log that has any."""
        found = {}
        for path in sorted(self._logs.glob("*.log")):
            lines = path.read_text("utf-8", "replace").splitlines()
            if lines:
                found[path.stem] = lines[-TAIL_LINES:]
        return found

    def end(self) -> None:
        """End all: politely, then not. The last started goes first."""
        children = list(reversed(self._running.values()))
        for child in children:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
        for child in children:
            _signal(child, signal.SIGKILL)  # the whole session: what a child started ends with it
            child.wait()
        self._running.clear()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _die_with_parent() -> None:
    # If the demo itself is killed, nothing stays behind (prctl(2), Linux).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
