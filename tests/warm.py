"""Processes of `python -m api`, `python -m agent` and the like that need not import what they are made of: that is the
most of a start, and hundreds of them are started in a run of the tests.

Each is forked from a process that has imported it all and has done nothing else. From then on it is what an executed one
is: a process and a session of its own with its own arguments, environment, directory and files, which ends by itself, by
its own exit code, or by a signal. What is about the very start (the command of an install, a preloaded library, a limit
or a tracer around it) is executed.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
MAX_BYTES: Final = 1 << 20
PACKAGES: Final = {
    "api": ("schema", "reconciler", "api", "alembic.command"),
    "agent": ("schema", "agent"),
    "tests.cases.measure": ("tests.cases.acts",),
}
"""What is run → what is imported for it, with all that is below."""
WITHOUT: Final = (".migrations", ".__main__")
"""Modules of ours that only Alembic, or Python, loads."""


class Warm:
    """One of them, with what tests use of `subprocess.Popen`."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        cwd: Path,
        env: Mapping[str, str],
    ) -> None:
        self.returncode: int | None = None
        asked = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        told, tells = os.pipe()
        self._told = os.fdopen(told, "rb", buffering=0)
        try:
            socket.send_fds(_origin(module), [asked], [stdin, stdout, stderr, tells])
        finally:
            os.close(tells)
        self.pid: Final = int(self._told.readline())

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode


def run(
    module: str, *arguments: str, cwd: Path, env: Mapping[str, str], timeout: float, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, as `subprocess.run` does with `capture_output` and `text`."""
    with contextlib.ExitStack() as files:
        given, out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write(stdin.encode())
        given.seek(0)
        child = Warm(
            module,
            arguments,
            stdin=given.fileno(),
            stdout=out.fileno(),
            stderr=err.fileno(),
            cwd=cwd,
            env=env,
        )
        try:
            child.wait(timeout)
        finally:
            if child.returncode is None:
                os.killpg(child.pid, 9)
                child.wait()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([module, *arguments], child.wait(), *said)


@cache
def _origin(module: str) -> socket.socket:
    """The way to the process that those of a module are forked from."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VIGO_")}
    with its:
        origin = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", module, str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env=inherited | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        origin.wait(20)

    atexit.register(end)
    return ours


def _import(package: str) -> None:
    entry = importlib.import_module(package)
    for module in pkgutil.walk_packages(getattr(entry, "__path__", []), f"{package}."):
        if not any(word in module.name for word in WITHOUT):
            importlib.import_module(module.name)


def _fork_on_demand(module: str, channel: socket.socket) -> None:
    """Fork what is asked for until nobody can ask any more, and end then; returns in what was forked."""
    while True:
        asked, given, _, _ = socket.recv_fds(channel, MAX_BYTES, 4)
        if not asked:
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            channel.close()
            break
        for descriptor in given:
            os.close(descriptor)
    *streams, tells = given
    child = os.fork()
    if child:  # it waits for the other, and tells how that ended
        for descriptor in streams:
            os.close(descriptor)
        os.write(tells, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os._exit(0)
    os.setsid()
    os.write(tells, b"%d\n" % os.getpid())  # in its session by now, so a signal to that finds it
    os.close(tells)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    wanted = json.loads(asked)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.argv = [module, *wanted["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-m", module, *wanted["arguments"]]


def main(module: str, descriptor: int) -> None:
    """Import all of a package and of what it is built on, and become the package's command in each fork."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    for package in PACKAGES[module]:
        _import(package)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a library has begun a thread, which no fork would have"
    gc.collect()
    gc.freeze()  # what is looked through for garbage is copied, and nothing here becomes any
    _fork_on_demand(module, socket.socket(fileno=descriptor))
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
    else:
        code = 0
    # As Python ends, but for taking apart the modules, all of which would be copied for it.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
