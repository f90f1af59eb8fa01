"""Run one program to its end: its own process group, bounded output, a clean environment, nothing inherited.

`Child` is a program that this process has started itself; `agent.errands` has those that another starts for it.
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
from typing import IO, Final, NamedTuple, Protocol

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
    start: Start | None = None,
) -> Ran:
    """Run it. At the timeout the group gets SIGTERM, `GRACE_S` later SIGKILL.

    Args:
        start: how it is started, where it is not by this process.

    A child that outlives the program with our pipes open (a daemon that a package starts) is left alone: reading ends
    `LINGER_S` after the program itself.

    Raises:
        HostFault: the program cannot be started.
    """
    child = (start or Child)(list(argv), dict(env), cwd or "/", identity, wants_input=bool(stdin))
    with child:
        return _Watch(child, stdin, clock).to_the_end(timeout_s)


class Started(Protocol):
    """A program that has been started, in a session of its own, and its pipes."""

    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes]: ...
    @property
    def stderr(self) -> IO[bytes]: ...

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def wait(self, timeout_s: float) -> int | None:
        """Wait for its end; None when it has not come in time."""
        ...

    def end(self, clock: Callable[[], float]) -> int:
        """End its whole group, politely first; the exit code."""
        ...

    def __enter__(self) -> object: ...
    def __exit__(self, *_: object) -> None: ...


class Start(Protocol):
    """Starts a program. Raises `HostFault` when that cannot be."""

    def __call__(
        self, argv: list[str], env: dict[str, str], cwd: str, identity: Identity | None, *, wants_input: bool
    ) -> Started: ...


class Child:
    """A program that was started by this process: see `Start` and `Started`."""

    def __init__(
        self, argv: list[str], env: dict[str, str], cwd: str, identity: Identity | None, *, wants_input: bool
    ) -> None:
        try:
            self._process: Final = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if wants_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                cwd=cwd,
                close_fds=True,
                start_new_session=True,
                umask=0o022,
                user=identity.uid if identity else None,
                group=identity.gid if identity else None,
                extra_groups=identity.groups if identity else None,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise HostFault(f"cannot run {argv[0]}: {error}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdin: Final = self._process.stdin
        self.stdout: Final = self._process.stdout
        self.stderr: Final = self._process.stderr

    def __enter__(self) -> None:
        self._process.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._process.__exit__(None, None, None)

    def poll(self) -> int | None:
        """See `Started`."""
        return self._process.poll()

    def wait(self, timeout_s: float) -> int | None:
        """See `Started`."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def end(self, clock: Callable[[], float]) -> int:
        """See `Started`. The leader is reaped after the last signal, so that its number cannot be another's."""
        group = self._process.pid
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
        until = clock() + GRACE_S
        while not os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT) and clock() < until:
            time.sleep(0.01)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        return self._process.wait()


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

    def __init__(self, child: Started, stdin: bytes, clock: Callable[[], float]) -> None:
        self.child = child
        self.code: int | None = None
        self.clock = clock
        self.unsent = memoryview(stdin)
        self.outputs = {child.stdout: _Output(), child.stderr: _Output()}
        self.selector = selectors.DefaultSelector()
        for pipe in self.outputs:
            self._register(pipe, selectors.EVENT_READ)
        if child.stdin is not None:
            self._register(child.stdin, selectors.EVENT_WRITE)

    def to_the_end(self, timeout_s: float) -> Ran:
        deadline = self.clock() + timeout_s
        timed_out = False
        ended_at: float | None = None
        try:
            while self.selector.get_map():
                now = self.clock()
                if ended_at is None and (code := self.child.poll()) is not None:
                    self.code = code
                    ended_at = now
                if ended_at is not None and now > ended_at + LINGER_S:
                    break
                if ended_at is None and now >= deadline:
                    timed_out = True
                    self.code = self.child.end(self.clock)
                    break
                # Short waits: the end of the program itself does not wake the selector while a child holds the pipe.
                self._pump(min(0.05, max(0.0, deadline - now)))
            if not timed_out:
                timed_out = self._wait(deadline)
        finally:
            if self.code is None:
                self.code = self.child.end(self.clock)
            self.selector.close()
        output, errors = (kept.whole() for kept in self.outputs.values())
        return Ran(self.code, output, errors, timed_out=timed_out)

    def _wait(self, deadline: float) -> bool:
        """The pipes are closed: wait for the program itself. Returns whether it had to be killed."""
        if self.code is None:
            self.code = self.child.wait(max(0.0, deadline - self.clock()))
        return self.code is None

    def _pump(self, wait_s: float) -> None:
        for key, _ in self.selector.select(wait_s):
            pipe = key.fileobj
            if pipe is self.child.stdin:
                self._feed()
                continue
            chunk = os.read(key.fd, _CHUNK)
            if chunk:
                self.outputs[pipe].add(chunk)  # type: ignore[index]  # only registered pipes come back
            else:
                self.selector.unregister(pipe)

    def _feed(self) -> None:
        assert self.child.stdin is not None
        try:
            sent = os.write(self.child.stdin.fileno(), self.unsent[:_CHUNK])
            self.unsent = self.unsent[sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.unsent = self.unsent[:0]
        if not self.unsent:
            self.selector.unregister(self.child.stdin)
            self.child.stdin.close()

    def _register(self, pipe: IO[bytes], event: int) -> None:
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe, event)
