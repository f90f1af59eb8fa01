"""Programs that one process has another start: the executor, which can open no network socket, its supervisor.

What a program inherits it cannot shake off, and so those that need the network are started by a process that has given
nothing up. One socket carries both ways: a packet is one JSON object, with it the descriptors that it speaks of. Output
goes through pipes to who asked; the supervisor never reads it.

    executor → {"run": id, "argv", "env", "cwd", "ids": [uid, gid, groups] | null, "scope"} + stdin, stdout, stderr
               {"end": id} | {"ready": true}
    supervisor → {"started": id} | {"refused": id, "why"} | {"ended": id, "code"} | {"link": n} + a socket
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Lock
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Final

from agent import confinement

if TYPE_CHECKING:
    import subprocess

    from agent.hosts.process import Identity

MAX_PACKET_BYTES: Final = 192 * 1024
MAX_RUNNING: Final = 32
GRACE_S: Final = 2.0
ANSWER_S: Final = 60.0
SYSTEMD: Final = "/run/systemd/system"
_SCOPE: Final = ("systemd-run", "--scope", "--quiet", "--collect", "--slice=system.slice", "--")


def channel() -> tuple[socket.socket, socket.socket]:
    """Two ends: the supervisor's and the executor's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(end: socket.socket, packet: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    """Send a packet.

    Raises:
        OSError: it is too long, or nobody is there.
    """
    data = json.dumps(packet).encode()
    if len(data) > MAX_PACKET_BYTES:
        raise OSError(errno.E2BIG, f"arguments and environment of more than {MAX_PACKET_BYTES} bytes")
    socket.send_fds(end, [data], list(descriptors))


def receive(end: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next packet with its descriptors; None when nobody is there any more."""
    try:
        data, descriptors, _, _ = socket.recv_fds(end, MAX_PACKET_BYTES, 3)
    except ConnectionError:
        return None
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003
    return (json.loads(data), descriptors) if data else None


class Errands:
    """The executor's end: starts programs through the supervisor, and is handed the sockets of its links."""

    def __init__(self, end: socket.socket, linked: Callable[[socket.socket], None]) -> None:
        self._end: Final = end
        self._linked: Final = linked
        self._sending: Final = Lock()
        self._lock: Final = Lock()
        self._running: Final[dict[int, Errand]] = {}
        self._next = 1

    def serve(self) -> None:
        """Take what the supervisor says until it is gone."""
        while (received := receive(self._end)) is not None:
            packet, descriptors = received
            if "link" in packet:
                self._linked(socket.socket(fileno=descriptors[0]))
                continue
            number = packet.get("started") or packet.get("refused") or packet.get("ended")
            with self._lock:
                errand = self._running.get(number) if number is not None else None
            if errand is None:
                continue
            errand.told(packet)
            if "started" not in packet:
                with self._lock:
                    self._running.pop(errand.number, None)
        with self._lock:
            left = list(self._running.values())
        for errand in left:
            errand.told({"ended": errand.number, "code": -signal.SIGKILL})

    def start(
        self, argv: list[str], env: dict[str, str], cwd: str, identity: Identity | None, *, wants_input: bool
    ) -> Errand:
        """See `agent.hosts.process.Start`."""
        return self._start(argv, env, cwd, identity, wants_input=wants_input, scope=False)

    def start_long(
        self, argv: list[str], env: dict[str, str], cwd: str, identity: Identity | None, *, wants_input: bool
    ) -> Errand:
        """The same for a program that may take long: where systemd is, in a scope of its own, which outlives ours."""
        return self._start(argv, env, cwd, identity, wants_input=wants_input, scope=identity is None)

    def _start(
        self,
        argv: list[str],
        env: dict[str, str],
        cwd: str,
        identity: Identity | None,
        *,
        wants_input: bool,
        scope: bool,
    ) -> Errand:
        ids = None if identity is None or identity.uid is None else [identity.uid, identity.gid, identity.groups]
        with self._lock:
            number, self._next = self._next, self._next + 1
            errand = self._running[number] = Errand(self, number, wants_input=wants_input)
        from agent.hosts.host import HostFault  # not where the supervisor would load it

        packet = {"run": number, "argv": argv, "env": env, "cwd": cwd, "ids": ids, "scope": scope}
        try:
            self.tell(packet, errand.theirs)
            errand.begun()
        except OSError as error:
            with self._lock:
                self._running.pop(number, None)
            errand.__exit__()
            raise HostFault(f"cannot run {argv[0]}: {error.strerror or error}") from error
        finally:
            for descriptor in errand.theirs:
                os.close(descriptor)
        return errand

    def tell(self, packet: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Say something to the supervisor."""
        with self._sending:
            send(self._end, packet, descriptors)


class Errand:
    """One program that runs elsewhere: see `agent.hosts.process.Started`."""

    def __init__(self, errands: Errands, number: int, *, wants_input: bool) -> None:
        self.number: Final = number
        self._errands: Final = errands
        self._told: Final = Condition()
        self._code: int | None = None
        self._why: str | None = None
        """Empty when it has started, else why it has not."""
        given = os.pipe2(os.O_CLOEXEC) if wants_input else (os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), None)
        out, errors = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
        self.theirs: Final = (given[0], out[1], errors[1])
        self.stdin: Final[IO[bytes] | None] = None if given[1] is None else os.fdopen(given[1], "wb", 0)
        self.stdout: Final[IO[bytes]] = os.fdopen(out[0], "rb", 0)
        self.stderr: Final[IO[bytes]] = os.fdopen(errors[0], "rb", 0)

    def __enter__(self) -> None: ...

    def __exit__(self, *raised: object) -> None:
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()

    def told(self, packet: dict[str, Any]) -> None:
        """The supervisor has said something about it."""
        with self._told:
            self._code = packet.get("code")
            self._why = packet.get("why", "")
            self._told.notify_all()

    def begun(self) -> None:
        """Wait until it has started.

        Raises:
            OSError: it cannot be.
        """
        with self._told:
            if not self._told.wait_for(lambda: self._why is not None, ANSWER_S):
                raise TimeoutError("nobody says whether it was started")
        if self._why:
            raise OSError(errno.ENOEXEC, self._why)

    def poll(self) -> int | None:
        """See `Started`."""
        return self._code

    def wait(self, timeout_s: float) -> int | None:
        """See `Started`."""
        with self._told:
            self._told.wait_for(lambda: self._code is not None, timeout_s)
        return self._code

    def end(self, clock: Callable[[], float]) -> int:  # noqa: ARG002 - the supervisor has its own
        """See `Started`."""
        with suppress(OSError):
            self._errands.tell({"end": self.number})
        code = self.wait(ANSWER_S)
        return -signal.SIGKILL if code is None else code


class Runner:
    """The supervisor's end: starts what it is asked for, and says how that ended. For one thread, which has a loop.

    Args:
        ready: called when the executor says that it can serve a link.
    """

    def __init__(self, end: socket.socket, ready: Callable[[], None]) -> None:
        self._end: Final = end
        self._ready: Final = ready
        self._running: Final[dict[int, subprocess.Popen[bytes]]] = {}
        self._ending: Final[dict[int, float]] = {}
        """When the last signal is due."""
        self._systemd: Final = os.path.isdir(SYSTEMD)  # noqa: PTH112 - pathlib costs a host 1 MiB

    def take(self) -> bool:
        """Take one packet; False when the executor is gone."""
        received = receive(self._end)
        if received is None:
            return False
        packet, descriptors = received
        try:
            if "ready" in packet:
                self._ready()
            elif "run" in packet:
                self._run(packet, descriptors)
            elif packet.get("end") in self._running:
                self._end_group(packet["end"], signal.SIGTERM)
                self._ending[packet["end"]] = monotonic() + GRACE_S
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def due(self) -> float | None:
        """When `reap` has something to do of itself; None when it has not."""
        return min(self._ending.values(), default=None)

    def reap(self) -> None:
        """Say of each program that has ended how it did."""
        for number, process in list(self._running.items()):
            if number in self._ending:
                # Reaped after the last signal only: until then its number cannot be another's.
                ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None and monotonic() < self._ending[number]:
                    continue
                self._end_group(number, signal.SIGKILL)
                process.wait()
            if process.poll() is not None:
                self._running.pop(number)
                self._ending.pop(number, None)
                self._tell({"ended": number, "code": process.returncode})

    def _run(self, packet: dict[str, Any], descriptors: list[int]) -> None:
        import subprocess

        number, argv = packet["run"], list(packet["argv"])
        uid, gid, groups = packet["ids"] or (None, None, None)
        if len(self._running) >= MAX_RUNNING:
            self._tell({"refused": number, "why": f"{MAX_RUNNING} programs run already"})
            return
        if packet["scope"] and self._systemd:
            argv = [*_SCOPE, *argv]
        try:
            process = self._running[number] = subprocess.Popen(
                argv,
                stdin=descriptors[0],
                stdout=descriptors[1],
                stderr=descriptors[2],
                env=packet["env"],
                cwd=packet["cwd"],
                start_new_session=True,
                umask=0o022,
                user=uid,
                group=gid,
                extra_groups=groups,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._tell({"refused": number, "why": str(error) or type(error).__name__})
            return
        if self._systemd:
            # Elsewhere a program may leave a daemon behind, which would be nice for ever.
            confinement.be_patient(process.pid)
        self._tell({"started": number})

    def _end_group(self, number: int, what: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._running[number].pid, what)

    def _tell(self, packet: dict[str, Any]) -> None:
        with suppress(OSError):
            send(self._end, packet)
