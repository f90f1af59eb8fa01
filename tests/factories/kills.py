"""An agent that is killed at a system call of its own that changes something, and what its next run makes of it.

`python -m tests.factories.kills WHERE` is a process that has loaded the agent once and forks one for each life, so that
many lives fit into a test. strace(1) attaches to a life while it stands still, counts its calls or kills it just before
the n-th of one kind; programs that it has started come to their end. `WHERE` holds, beside what is made there:

    given/      the host and the state of an agent before, copied to `work` for each life
    target      what the server offers; `objects` holds what that names
    settings    of `Settings`, as JSON

It answers each line `{"point": [CALL, N] | null, "fault": FAULT}` with a line of `Told`; FAULT is what strace injects.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.effort import SOAK

ROOT: Final = Path(__file__).resolve().parents[2]
CHANGING: Final = (
    "write,pwrite64,writev,sendfile,copy_file_range,fsync,fdatasync,ftruncate,truncate,fallocate,rename,renameat,"
    "renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,mknod,mknodat,chmod,fchmod,fchmodat,"
    "chown,fchown,lchown,fchownat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,mount,umount2,"
    "utimensat,sethostname"
)
"""System calls; not every machine has each of them."""
KILL: Final = "signal=KILL"
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = 2**64 - 1
_PATIENCE_S: Final = 60.0


class Settings(NamedTuple):
    """How lives are lived."""

    bound: list[str]
    """Directories of the machine that a life changes; empty for an agent that is confined to `work/root`."""
    shared: str
    """Pattern of paths that several resources change, or one in several steps: these may be between before and after."""
    unstable: str
    """Pattern of paths that differ between two runs that did the same."""
    reset: str = ":"
    """Shell script that puts the kernel back to where it was before a life."""
    live: str = ":"
    """Shell script that prints what the kernel holds."""


class Told(NamedTuple):
    """What became of one life and of the two after it."""

    ended: int
    """Signal that ended the first; 0 when none did."""
    complaints: list[str]


class Killing:
    """The process that has lives to spare."""

    def __init__(self, where: Path, *, namespace: str = "") -> None:
        command = [sys.executable, "-m", "tests.factories.kills", str(where)]
        if namespace:
            command = ["unshare", "-mnupf", "--mount-proc", "/bin/sh", "-c", namespace, "sh", str(where), *command]
        self._log = (where / "log").open("w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=ROOT
        )

    def points(self) -> list[tuple[str, int]]:
        """Every call of a life that is not killed."""
        return [(str(name), int(number)) for name, number in self._ask(None)]

    def killed_at(self, point: tuple[str, int], fault: str = KILL) -> Told:
        """A life that ends before this call, or in which it fails, and what the next ones make of it."""
        return Told(*self._ask(point, fault))

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=_PATIENCE_S)
        self._log.close()

    def _ask(self, point: tuple[str, int] | None, fault: str = KILL) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"point": point, "fault": fault}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise AssertionError(self._log.read()[-4000:])
        return json.loads(answer)


def chosen(points: Sequence[tuple[str, int]], number: int) -> list[tuple[str, int]]:
    """Some of them: of each call one at least, while there is room; all of them in a soak."""
    if SOAK:
        return list(points)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    by_call: dict[str, list[tuple[str, int]]] = {}
    for point in points:
        by_call.setdefault(point[0], []).append(point)
    first = [chance.choice(each) for each in by_call.values()]
    rest = [point for point in points if point not in first]
    chance.shuffle(first)
    return [*first, *chance.sample(rest, min(len(rest), number))][:number]


def _traceable() -> bool:
    try:
        tried = subprocess.run(["strace", "-e", "trace=none", "true"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


needs_strace: Final = pytest.mark.skipif(
    not _traceable(), reason="needs strace, which `just setup tests` installs, and the right to trace"
)


# within the process


class _Lives:
    def __init__(self, where: Path) -> None:
        self.where = where
        self.settings = Settings(*json.loads((where / "settings").read_text()))
        self.work = where / "work"
        self._shared, self._unstable = re.compile(self.settings.shared), re.compile(self.settings.unstable)
        self._bound = False
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.remembered: Any = None

    def reference(self) -> list[tuple[str, int]]:
        self.reset()
        self.before = self.snapshot()
        log = self.where / "trace"
        ended = self.live(["-o", str(log)])
        assert ended == 0, (self.where / "said").read_text()
        assert self.report()["status"] == "converged", self.report()
        self.after, self.remembered = self.snapshot(), _remembered(self.work / "state")
        for name in (self.where / "modules").read_text().splitlines():
            with suppress(Exception):  # what one life has loaded the others need not
                import_module(name)
        counted: Counter[str] = Counter()
        for line in log.read_text().splitlines():
            found = re.match(r"(\w+)\(", line)
            if found:
                counted[found[1]] += 1
        return [(name, number) for name, many in sorted(counted.items()) for number in range(1, many + 1)]

    def killed_at(self, call: str, number: int, fault: str) -> Told:
        self.reset()
        complaints: list[str] = []
        ended = self.live(["-o", "/dev/null", "-e", f"inject={call}:{fault}:when={number}"])
        for path, found in self.snapshot().items():
            if found not in (self.before.get(path), self.after.get(path)) and not self._between(path):
                complaints.append(f"{path} is {found}: neither {self.before.get(path)} nor {self.after.get(path)}")
        complaints += [f"the next run: {each}" for each in self._run()]
        rested = self._run()
        changed = [each["id"] for each in self.report()["resources"] if each["outcome"] not in ("unchanged", "skipped")]
        complaints += [f"the run after it: {each}" for each in [*rested, *changed]]
        complaints += _unsound(self.work / "state", self.remembered, vouched=fault == KILL)
        return Told(ended, complaints)

    def _run(self) -> list[str]:
        ended = self.live(None)
        if ended:
            return [f"ended with {ended}: {(self.where / 'said').read_text()[-1000:]}"]
        report = self.report()
        wrong = [f"{each['id']}: {each['error']}" for each in report["resources"] if each["outcome"] == "failed"]
        wrong += [f"{each['id']} is called drift" for each in report["resources"] if each.get("corrective")]
        if report["status"] != "converged":
            wrong.append(f"{report['status']}: {report.get('error')}")
        found = self.snapshot()
        for path in sorted({*found, *self.after}):
            if found.get(path) != self.after.get(path):
                wrong.append(f"{path} is {found.get(path)}, not {self.after.get(path)}")
        return wrong

    def _between(self, path: str) -> bool:
        return bool(self._shared.search(path)) or "/.vigo-" in path

    def report(self) -> dict[str, Any]:
        said = (self.where / "said").read_text()
        report: dict[str, Any] = json.loads(said[said.index("{") : said.rindex("}") + 1])
        return report

    def live(self, strace: Sequence[str] | None) -> int:
        """One life; the signal, or exit code, that ended it. Programs that it started come to their end."""
        child = os.fork()
        if child == 0:
            self._begin(stopped=strace is not None)
        if strace is not None:
            os.waitpid(child, os.WUNTRACED)
            calls = "?" + CHANGING.replace(",", ",?")
            tracer = subprocess.Popen(
                ["strace", "-p", str(child), "-e", f"trace={calls}", "-e", "signal=none", *strace],
                stderr=subprocess.PIPE,
                text=True,
            )
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert "attached" in attached, attached
            os.kill(child, signal.SIGCONT)
            _, status = os.waitpid(child, 0)
            tracer.communicate(timeout=_PATIENCE_S)
        else:
            _, status = os.waitpid(child, 0)
        with suppress(ChildProcessError):
            while os.getpid() == 1:  # in a namespace of processes what has no parent is ours
                os.waitpid(-1, 0)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def _begin(self, *, stopped: bool) -> None:
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANYBODY), 0, 0, 0)
            os.setsid()
            said = os.open(self.where / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            for number in (1, 2):
                os.dup2(said, number)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            if stopped:
                os.kill(os.getpid(), signal.SIGSTOP)
            code = _lived(self.work / "state", self.where)
            sys.stdout.flush()
            if not self.after:
                (self.where / "modules").write_text("\n".join(sys.modules))
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(90)
        os._exit(code)

    # the host

    def reset(self) -> None:
        if self._bound:
            for path in reversed(self.settings.bound):
                subprocess.run(["umount", "-R", path], check=True)
        if self.work.exists():
            shutil.rmtree(self.work)
        subprocess.run(["cp", "-a", str(self.where / "given"), str(self.work)], check=True)
        for path in self.settings.bound:
            subprocess.run(["mount", "--rbind", str(self.work / "root" / path[1:]), path], check=True)
        self._bound = True
        subprocess.run(["sh", "-c", self.settings.reset], check=True)

    def snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        top = self.work / "root"
        for base, directories, files in os.walk(top):
            for name in [*directories, *files]:
                path = f"{base}/{name}"
                shown = path[len(str(top)) :]
                if not self._unstable.search(shown):
                    found[shown] = _described(path)
        kernel = subprocess.run(["sh", "-c", self.settings.live], capture_output=True, text=True, check=True)
        for number, line in enumerate(kernel.stdout.splitlines()):
            found[f"kernel {number}"] = line
        return found


def _described(path: str) -> list[Any]:
    found = os.lstat(path)
    whose: list[Any] = [oct(found.st_mode), found.st_uid, found.st_gid]
    if stat.S_ISLNK(found.st_mode):
        return [*whose, str(Path(path).readlink())]
    if stat.S_ISREG(found.st_mode):
        data = Path(path).read_bytes()
        whose += [data.decode("utf-8", "replace") if len(data) < 200 else hashlib.sha256(data).hexdigest()]
    return [*whose, {name: os.getxattr(path, name).hex() for name in sorted(os.listxattr(path))}]


def _lived(state: Path, where: Path) -> int:
    """What an agent does when its server offers something: it accepts it, and converges."""
    from agent.cli import command
    from agent.clock import SystemClock
    from agent.executor import LocalExecutor
    from agent.hosts import RealHost
    from agent.state import State

    opened = State.open(state, create=False)
    root = Path(opened.identity().root)
    with opened.lock():
        executor = LocalExecutor(opened, RealHost(root), RealHost(root), clock=SystemClock())
        verdict = json.loads(executor.offer((where / "target").read_bytes()))
        for digest in verdict["need"]:
            stored = json.loads(executor.store((where / "objects" / digest).read_bytes()))
            assert stored["ok"], stored
        if verdict["need"]:
            verdict = json.loads(executor.offer((where / "target").read_bytes()))
        executor.close()
        assert verdict["outcome"] in ("accepted", "held"), verdict
    return command(["once", "--json", "--state", str(state)])


def _remembered(state: Path) -> Any:
    """What the state of an agent says beside what differs from life to life."""
    from agent.journal import Journal

    journal = Journal(state, look=True)
    try:
        entries = {name: [bool(entry.digest), *entry[1:]] for name, entry in journal.entries.items()}
        origins = {}
        for path, origin in journal.origins.items():
            kept = {"content": repr(journal.original(origin["sha256"]))} if "sha256" in origin else {}
            origins[path] = {**origin, **kept, "sha256": ""}
        return [entries, origins, sorted(journal.owed)]
    finally:
        journal.close()


def _unsound(state: Path, remembered: Any, *, vouched: bool) -> Iterator[str]:
    """What is wrong with the state of an agent that has come to rest; `vouched`: each report has a receipt, as one that
    found no space for it has not."""
    from agent.journal import FILE, Journal
    from agent.undo import Undo
    from schema.protocol.receipts import FIRST, Receipt
    from schema.protocol.reports import Report

    yield from (f"{path.name} is left in the state" for path in state.rglob(".new-*"))
    for path in state.rglob("*.damaged"):
        yield f"{path.name}: something was set aside as damaged"
    text = (state / FILE).read_bytes()
    if not text.endswith(b"\n") or any(not line.startswith(b"{") for line in text.splitlines()):
        yield "the journal ends in the middle of a line"
    for name, here, there in zip(("entries", "origins", "debts"), _remembered(state), remembered, strict=True):
        if here != there:
            yield f"{name} of the journal: {here} instead of {there}"
    journal = Journal(state, look=True)
    for path, origin in journal.origins.items():
        if "sha256" in origin and journal.original(origin["sha256"]) is None:
            yield f"what stood at {path} is not kept"
    journal.close()
    undo = Undo(state)
    for record in undo.runs():
        for each in record.replaced:
            if "sha256" in each.origin and undo.content(record.run, each.origin["sha256"]) is None:
                yield f"what {record.run} replaced at {each.path} is not kept"
    last = (0, FIRST)
    seen = set()
    for path in sorted((state / "spool").glob("*.json")):
        report = Report.model_validate_json(path.read_bytes())
        if report.id in seen:
            yield f"report {report.id} is there twice"
        seen.add(report.id)
        if report.receipt is None:
            if vouched:
                yield f"report {report.id} has no receipt"
            continue
        receipt = Receipt.model_validate_json(report.receipt.body)
        if receipt.number <= last[0] or (receipt.number == last[0] + 1 and receipt.previous != last[1]):
            yield f"receipt {receipt.number} does not follow {last[0]}"
        last = (receipt.number, report.receipt.sha256)


@contextmanager
def killing(where: Path, *, namespace: str = "") -> Iterator[Killing]:
    """A process with lives to spare, ended with the block."""
    made = Killing(where, namespace=namespace)
    try:
        yield made
    finally:
        made.close()


def main() -> None:
    """Answer what is asked."""
    where = Path(sys.argv[1])
    _load(json.loads((where / "types").read_text()))
    lives = _Lives(where)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = lives.killed_at(*asked["point"], asked["fault"]) if asked["point"] else lives.reference()
        print(json.dumps(answer), flush=True)


def _load(types: Sequence[str]) -> None:
    """Load what each life would load, once."""
    from agent.resources import TYPES

    for each in types:
        _ = TYPES[each].spec


if __name__ == "__main__":
    main()
