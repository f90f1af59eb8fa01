"""1,000 files (content, mode, owner) applied and found right: the agent beside a C program and five other tools.

The tools take turns, so that whatever else the machine does meets them all; the quickest of the rounds counts. What
takes minutes is measured at two small counts, and drawn out to a thousand in a straight line. The agent makes what it
wrote durable at the end of a run, which none of the others does: so that is a figure of its own, and what is put beside
theirs is without it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.bench import agents, peer_files
from tests.bench.figures import Figure, best, cpu
from tests.bench.peer_files import Peer

FILES: Final = 1_000
ROUNDS: Final = 5
SLOW_ROUNDS: Final = 2
SMALL: Final = {"ansible-playbook": (4, 12), "pyinfra": (20, 100)}
"""Counts for tools that take minutes for all of them."""
SLOW: Final = frozenset({"puppet apply", "salt-call --local"})
C_TIMES: Final = 20


def run() -> Iterable[Figure]:
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as name:
        place = Path(name)
        managed = place / "vigo" / "files"
        managed.mkdir(parents=True)
        fresh = agents.accepted(place / "vigo" / "fresh", peer_files.vigo(managed, FILES))
        yield from _Files(place, managed, fresh).figures()


class _Files:
    """The files of one agent below a directory, and what takes how long over them."""

    def __init__(self, place: Path, managed: Path, fresh: Path) -> None:
        self._place = place
        self._managed = managed
        self._fresh = fresh
        self._env = agents.environment(place)
        self._old = place / "old"
        self._copies = 0

    def figures(self) -> Iterator[Figure]:
        peer, peer_first, peer_again = "cf-agent", [], []
        cf_agent = peer_files.cfengine(self._place, FILES)
        state = self._anew()
        once = [sys.executable, "-m", "agent", "once", "--state", str(state)]
        agents.timed(once, self._env)  # once, so that all modules are compiled
        first, first_inside, synced, again = [], [], [], []
        ours_cpu, peer_cpu = [], []
        for _ in range(ROUNDS):
            without_sync = [sys.executable, "-m", "tests.bench.inside", str(self._anew()), "once"]
            first.append(agents.timed(without_sync, self._env))
            if cf_agent is not None:
                self._put_by(cf_agent.files)
                peer_first.append(best(cf_agent, times=1))
            with agents.Inside(self._anew(), self._env) as inside:
                took = inside.ask("whole")
                first_inside.append(took["s"] - took["sync_s"])
                synced.append(took["s"])
        peer_files.check(self._managed, FILES)
        agents.timed(once, self._env)
        for _ in range(ROUNDS):
            again.append(agents.timed(once, self._env))
            ours_cpu.append(cpu(lambda: agents.timed(once, self._env), times=1))
            if cf_agent is not None:
                peer_again.append(best(cf_agent, times=1))
                peer_cpu.append(cpu(cf_agent, times=1))
        if cf_agent is not None:
            peer_files.check(cf_agent.files, FILES)
        missing = "" if cf_agent else f"{peer} is not installed"
        theirs = min(peer_first, default=0.0) * 1e3 or None
        yield Figure(
            name=f"{FILES} files, first apply, whole process",
            value=min(first) * 1e3,
            unit="ms",
            peer=missing or peer,
            peer_value=theirs,
            ratio_target=0.5,
            note="vigo-agent once; atomic renames, not synced, as theirs",
        )
        yield Figure(
            name=f"{FILES} files, first apply, inside a running agent",
            value=min(first_inside) * 1e3,
            unit="ms",
            peer=missing or f"{peer}, whole process",
            peer_value=theirs,
            ratio_target=0.5,
            note="atomic renames, not synced",
        )
        yield Figure(
            name=f"{FILES} files, first apply, inside, durable",
            value=min(synced) * 1e3,
            unit="ms",
            note="one sync at the end",
        )
        yield Figure(
            name=f"{FILES} files, nothing to do, whole process",
            value=min(again) * 1e3,
            unit="ms",
            peer=missing or peer,
            peer_value=min(peer_again, default=0.0) * 1e3 or None,
            ratio_target=0.7,
            note="vigo-agent once: all read and hashed, a signed report",
        )
        yield Figure(
            name=f"{FILES} files, nothing to do, whole process: processor",
            value=min(ours_cpu) * 1e3,
            unit="ms",
            peer=missing or peer,
            peer_value=min(peer_cpu, default=0.0) * 1e3 or None,
            note="user and kernel; what a loaded machine changes least",
        )
        yield from self._copied(min(first), min(again))
        yield from self._others(min(first), min(again))
        yield from self._inside(state)

    def _put_by(self, files: Path) -> None:
        """Empty a folder without deleting: ext4 passes over an inode that was freed in the last minutes, one by one, so
        that whoever makes files after a deletion of thousands is measured with that search."""
        self._old.mkdir(exist_ok=True)
        files.rename(self._old / str(len(list(self._old.iterdir()))))
        files.mkdir()

    def _anew(self) -> Path:
        """A state in which nothing was applied yet, and no files."""
        self._copies += 1
        self._put_by(self._managed)
        return Path(shutil.copytree(self._fresh, self._place / "vigo" / f"state{self._copies}", symlinks=True))

    def _inside(self, state: Path) -> Iterator[Figure]:
        """What a running agent does, beside a C program over the same files, in turns."""
        program = self._compiled()
        with agents.Inside(state, self._env) as inside:
            inside.ask("whole")
            kept = min(inside.ask("keep")["s"] for _ in range(ROUNDS))
            # What was written a moment ago is read again, whatever its times say: so this comes last, minutes later.
            inside.ask("interval")
            read, unmoved, hashed, looked = [], [], [], []
            for _ in range(ROUNDS):
                read += [inside.ask("whole")["s"] for _ in range(C_TIMES)]
                hashed += self._in_c(program, "hash")
                unmoved += [inside.ask("interval")["s"] for _ in range(C_TIMES)]
                looked += self._in_c(program, "stat")
        theirs = min(hashed, default=0.0) * 1e3 or None
        peer = "C: open, fstat, read, SHA-256" if program else "no C compiler with OpenSSL's headers"
        yield Figure(
            name=f"{FILES} files, nothing to do, inside a running agent",
            value=min(read) * 1e3,
            unit="ms",
            target=15.0,
            peer=peer,
            peer_value=theirs,
            ratio_target=2.5,
            note="all read and hashed, as every four hours and at a start",
        )
        yield Figure(
            name=f"{FILES} files, no stat changed, inside a running agent",
            value=min(unmoved) * 1e3,
            unit="ms",
            target=6.0,
            peer=peer,
            peer_value=theirs,
            ratio_target=2.5,
            note=f"a scheduled run; C that looks at stats alone: {min(looked, default=0.0) * 1e3:.2g} ms",
        )
        yield Figure(
            name=f"{FILES} resources: the report signed and spooled",
            value=kept * 1e3,
            unit="ms",
            note="receipt, JSON, three files synced",
        )

    def _compiled(self) -> Path | None:
        source, program = Path(__file__).with_name("hashing.c"), self._place / "hashing"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            return None
        argv = [compiler, "-O2", "-o", str(program), str(source), "-lcrypto"]
        made = subprocess.run(argv, capture_output=True, check=False, timeout=60)
        return program if made.returncode == 0 else None

    def _in_c(self, program: Path | None, mode: str) -> list[float]:
        if program is None:
            return []
        done = subprocess.run(
            [str(program), mode, str(C_TIMES)],
            input=self._sums(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (mode, done.stdout, done.stderr)
        return [float(line) for line in done.stdout.split()]

    def _sums(self) -> str:
        named = peer_files.named(FILES)
        return "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {self._managed}/{name}\n" for name, text in named)

    def _copied(self, first: float, again: float) -> Iterator[Figure]:
        """Programs that do nothing else."""
        sums = self._place / "sums"
        sums.write_text(self._sums())

        def copy() -> None:
            target = str(self._place / f"copied{len(copies)}")
            began = time.perf_counter()
            subprocess.run(["cp", "-a", str(self._managed), target], check=True, timeout=60)
            copies.append(time.perf_counter() - began)

        copies: list[float] = []
        for _ in range(ROUNDS):
            copy()
        verify = ["sha256sum", "--check", "--quiet", str(sums)]
        verified = best(lambda: subprocess.run(verify, check=True, timeout=60), times=ROUNDS)
        for name, value, peer, theirs in (
            ("first apply, whole process", first, "cp -a", min(copies)),
            ("nothing to do, whole process", again, "sha256sum --check", verified),
        ):
            yield Figure(
                name=f"{FILES} files, {name}", value=value * 1e3, unit="ms", peer=peer, peer_value=theirs * 1e3
            )

    def _others(self, first: float, again: float) -> Iterator[Figure]:
        for name in (*sorted(SLOW), *SMALL):
            counts = SMALL.get(name, (FILES,))
            peers = [peer_files.ALL[name](self._place / f"of-{count}", count) for count in counts]
            taken = [_both(peer, count) for peer, count in zip(peers, counts, strict=True) if peer is not None]
            note = ""
            if len(taken) == 2:
                note = f"drawn out to {FILES} from {counts[0]} and {counts[1]} files"
                few, more = taken
                taken = [(_drawn(counts, few[0], more[0]), _drawn(counts, few[1], more[1]))]
            for way, value, limit in ((0, first, 0.5), (1, again, 0.7)):
                yield Figure(
                    name=f"{FILES} files, {('first apply', 'nothing to do')[way]}, whole process",
                    value=value * 1e3,
                    unit="ms",
                    peer=name if taken else f"{name}: not installed",
                    peer_value=taken[0][way] * 1e3 if taken else None,
                    ratio_target=limit,
                    note=note,
                )


def _both(peer: Peer, count: int) -> tuple[float, float]:
    """Seconds of a first apply, and of the quickest of those that find nothing to do."""
    first = best(peer, times=1)
    peer_files.check(peer.files, count)
    return first, best(peer, times=SLOW_ROUNDS)


def _drawn(counts: tuple[int, ...], few: float, more: float) -> float:
    """What all would take, by what each further one takes."""
    each = max(0.0, more - few) / (counts[1] - counts[0])
    return more + each * (FILES - counts[1])
