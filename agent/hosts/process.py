"""Run one program to its end: its own process group, bounded output, a clean environment, nothing inherited.

Imported only when a program is run: `subprocess` costs more to import than a whole check of a thousand files.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final, NamedTuple

from agent.hosts.host import MAX_OUTPUT_BYTES, OUTPUT_CUT, HostFault, Ran

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GRACE_S: Final = 2.0
LINGER_S: Final = 0.5
_CHUNK: Final = 64 * 1024


class Identity(NamedTuple):
    """Who the program runs as. Ids are None when that is who we are already."""

    uid: int | None
    gid: int | None
    groups: Sequence[int] | None
    name: str
    home: str


def environment(extra: Mapping[str, str] | None, identity: Identity | None) -> dict[str, str]:
    """All that a program gets to see: nothing of the agent's own environment."""
    home = identity.home if identity else "/root" if os.geteuid() == 0 else "/"
    clean = {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": home}
    if identity:
        clean |= {"USER": identity.name, "LOGNAME": identity.name}
    return clean | dict(extra or {})


def run(
    argv: Sequence[str],
    *,
    stdin: bytes,
    timeout_s: float,
    env: Mapping[str, str],
    cwd: str | None,
    identity: Identity | None,
    clock: Callable[[], float] = time.monotonic,
) -> Ran:
    """Run it. At the timeout the group gets SIGTERM, `GRACE_S` later SIGKILL.

    A child that outlives the program with our pipes open (a daemon that a package starts) is left alone: reading ends
    `LINGER_S` after the program itself.

    Raises:
        HostFault: the program cannot be started.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=cwd or "/",
            close_fds=True,
            start_new_session=True,
            umask=0o022,
            user=identity.uid if identity else None,
            group=identity.gid if identity else None,
            extra_groups=identity.groups if identity else None,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise HostFault(f"cannot run {argv[0]}: {error}") from error
    with process:
        return _Watch(process, stdin, clock).to_the_end(timeout_s)


class _Output:
    """What one pipe brought, up to the cap; the rest is read and dropped, so that the program does not block."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.kept = 0
        self.cut = False

    def add(self, chunk: bytes) -> None:
        room = MAX_OUTPUT_BYTES - self.kept
        self.cut = self.cut or len(chunk) > room
        if room > 0:
            self.chunks.append(chunk[:room])
            self.kept += len(self.chunks[-1])

    def whole(self) -> bytes:
        return b"".join(self.chunks) + (OUTPUT_CUT if self.cut else b"")


class _Watch:
    """One running program: its pipes and its time."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes, clock: Callable[[], float]) -> None:
        self.process = process
        self.clock = clock
        self.unsent = memoryview(stdin)
        self.outputs = {process.stdout: _Output(), process.stderr: _Output()}
        self.selector = selectors.DefaultSelector()
        for pipe in self.outputs:
            self._register(pipe, selectors.EVENT_READ)
        if process.stdin is not None:
            self._register(process.stdin, selectors.EVENT_WRITE)

    def to_the_end(self, timeout_s: float) -> Ran:
        deadline = self.clock() + timeout_s
        timed_out = False
        ended_at: float | None = None
        try:
            while self.selector.get_map():
                now = self.clock()
                if ended_at is None and self.process.poll() is not None:
                    ended_at = now
                if ended_at is not None and now > ended_at + LINGER_S:
                    break
                if ended_at is None and now >= deadline:
                    timed_out = True
                    self._kill_group()
                    break
                # Short waits: the end of the program itself does not wake the selector while a child holds the pipe.
                self._pump(min(0.05, max(0.0, deadline - now)))
            if not timed_out:
                timed_out = self._wait(deadline)
        finally:
            if self.process.poll() is None:
                self._kill_group()
            self.selector.close()
        output, errors = (kept.whole() for kept in self.outputs.values())
        return Ran(self.process.returncode, output, errors, timed_out=timed_out)

    def _wait(self, deadline: float) -> bool:
        """The pipes are closed: wait for the program itself. Returns whether it had to be killed."""
        try:
            self.process.wait(max(0.0, deadline - self.clock()))
        except subprocess.TimeoutExpired:
            self._kill_group()
            return True
        return False

    def _pump(self, wait_s: float) -> None:
        for key, _ in self.selector.select(wait_s):
            pipe = key.fileobj
            if pipe is self.process.stdin:
                self._feed()
                continue
            chunk = os.read(key.fd, _CHUNK)
            if chunk:
                self.outputs[pipe].add(chunk)  # type: ignore[index]  # only registered pipes come back
            else:
                self.selector.unregister(pipe)

    def _feed(self) -> None:
        assert self.process.stdin is not None
        try:
            sent = os.write(self.process.stdin.fileno(), self.unsent[:_CHUNK])
            self.unsent = self.unsent[sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.unsent = self.unsent[:0]
        if not self.unsent:
            self.selector.unregister(self.process.stdin)
            self.process.stdin.close()

    def _register(self, pipe: IO[bytes] | None, event: int) -> None:
        assert pipe is not None
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe, event)

    def _kill_group(self) -> None:
        """End the whole group. The leader is reaped after the last signal, so that its number cannot be another's."""
        group = self.process.pid
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        until = self.clock() + GRACE_S
        while not os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT) and self.clock() < until:
            time.sleep(0.01)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        self.process.wait()
