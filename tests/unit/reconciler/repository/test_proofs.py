"""A commit is read by a child first: what it finds, what ends it, and that it is cheap to ask again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.repository import write
from reconciler.repository.faults import (
    ReaderMissing,
    ReadingLimit,
    RepositoryDamaged,
    RevisionNotFound,
    RevisionRefused,
)
from reconciler.repository.proofs import Proofs, ReadLimits
from reconciler.repository.repository import Repository, open_local
from schema.errors import Fault, Next

AUTHOR = write.Author("Jane Doe", "jane@example.com")
MIB = 1024 * 1024


def commit(target: Repository, content: object, ref: str = "main") -> str:
    return write.commit(target, ref, {"a.vgo": str(content).encode(), "b/c.vgo": b"same"}, AUTHOR, "change")


def loose(target: Repository, oid: str) -> Path:
    return target.path / "objects" / oid[:2] / oid[2:]


def child_of(proofs: Proofs) -> int:
    assert proofs._child is not None
    return proofs._child._process.pid


@pytest.fixture
def proofs(bare: Repository) -> Iterator[Proofs]:
    made = Proofs(bare.path)
    yield made
    made.close()


def test_what_can_be_read_is_read_once_and_by_one_child(bare: Repository, proofs: Proofs) -> None:
    proofs.start()
    first = commit(bare, 1)
    second = commit(bare, 2)
    proofs.first(first)
    child = child_of(proofs)
    proofs.first(second, first)
    loose(bare, bare.tree(first).entries()["a.vgo"].oid).unlink()
    proofs.first(first)
    assert child_of(proofs) == child
    assert proofs.fault is None
    assert not proofs.refuses(first)


def test_a_restored_commit_is_what_the_next_is_compared_with_and_nobody_waits_for_it(
    bare: Repository, proofs: Proofs
) -> None:
    first = commit(bare, 1)
    oid = bare.tree(first).entries()["b/c.vgo"].oid
    proofs.first(first, restore=True)
    second = commit(bare, 2)
    proofs.first(second, first)
    loose(bare, oid).unlink()
    # Only what differs from the last is read.
    proofs.first(commit(bare, 3), second)


def test_damage_is_told_stays_visible_and_heals(bare: Repository, proofs: Proofs) -> None:
    proofs.first(commit(bare, 1))
    bad = commit(bare, 2)
    place = loose(bare, bare.tree(bad).entries()["a.vgo"].oid)
    content = place.read_bytes()
    place.chmod(0o644)
    for broken in (None, b"", b"torn" + content[4:]):
        place.unlink(missing_ok=True)
        if broken is not None:
            place.write_bytes(broken)
        with pytest.raises(RepositoryDamaged) as told:
            proofs.first(bad)
        assert told.value.next is Next.BACK_OFF
        assert proofs.fault == (bad, told.value)
    place.write_bytes(content)
    proofs.first(bad)
    assert proofs.fault is None


def test_what_is_no_commit_is_refused(bare: Repository, proofs: Proofs) -> None:
    made = commit(bare, 1)
    with pytest.raises(RevisionNotFound):
        proofs.first("0" * 40)
    with pytest.raises(RevisionRefused):
        proofs.first("main")
    proofs.first(made)


def test_a_child_that_somebody_else_ended_is_replaced(bare: Repository, proofs: Proofs) -> None:
    proofs.first(commit(bare, 1))
    os.kill(child_of(proofs), signal.SIGKILL)
    proofs.first(commit(bare, 2))
    child = child_of(proofs)
    os.kill(child, signal.SIGSTOP)
    threading.Timer(0.2, os.kill, (child, signal.SIGKILL)).start()
    proofs.first(commit(bare, 3))
    assert child_of(proofs) != child


def test_silence_is_ended_at_its_time_and_only_another_commit_helps(bare: Repository) -> None:
    proofs = Proofs(bare.path, ReadLimits(wall_s=1.5))
    proofs.first(commit(bare, 1))
    os.kill(child_of(proofs), signal.SIGSTOP)
    bad = commit(bare, 2)
    with pytest.raises(ReadingLimit, match="out of time") as told:
        proofs.first(bad)
    assert told.value.next is Next.ON_COMMIT
    assert proofs.refuses(bad)
    proofs.first(commit(bare, 3))
    proofs.close()


def test_the_kernel_ends_a_child_that_computes_for_too_long(bare: Repository) -> None:
    made = commit(bare, 1)
    text = (
        "import sys; sys.argv[0] = 'x'; from reconciler.repository import proving\n"
        "def spin(self, question):\n    while True: pass\n"
        "proving.Reader.judge = spin; proving.main()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)},
    )
    lines = (
        f'{{"path": "{bare.path}", "memory_bytes": {512 * MIB}, "cpu_s": 1}}\n{{"commit": "{made}", "base": null}}\n'
    )
    output, _ = child.communicate(lines.encode(), timeout=60)
    assert output == b"{}\n"
    assert child.returncode == -signal.SIGXCPU


def test_a_child_has_no_environment_no_network_and_cannot_write(bare: Repository, proofs: Proofs) -> None:
    proofs.first(commit(bare, 1))
    proc = Path("/proc") / str(child_of(proofs))
    names = {line.split(b"=", 1)[0] for line in (proc / "environ").read_bytes().split(b"\0") if line}
    assert names <= {b"HOME", b"LANG", b"PATH", b"PYTHONPATH"}
    limits = {line[:26].strip(): line[26:].split()[0] for line in (proc / "limits").read_text().splitlines()[1:]}
    assert (limits["Max file size"], limits["Max processes"], limits["Max core file size"]) == ("0", "0", "0")
    assert limits["Max data size"] == str(512 * MIB)


def test_what_is_closed_reads_no_more(bare: Repository, proofs: Proofs) -> None:
    made = commit(bare, 1)
    proofs.first(made)
    child = child_of(proofs)
    proofs.close()
    with pytest.raises(ReaderMissing):
        proofs.first(commit(bare, 2))
    assert not (Path("/proc") / str(child)).exists()


def test_its_word_is_that_of_reading_here_over_random_histories(bare: Repository, proofs: Proofs) -> None:
    chance = random.Random(17)
    tips: list[str] = []
    for number in range(24):
        changes: dict[str, bytes | None] = {
            f"{chance.choice(['', 'x/', 'x/y/', 'z/'])}f{chance.randrange(4)}.vgo": chance.randbytes(6)
            for _ in range(3)
        }
        tips.append(write.commit(bare, f"b{chance.randrange(3)}", changes, AUTHOR, "change", time_s=number))
        lost: Path | None = None
        if chance.random() < 0.25:
            fresh = open_local(bare.path).tree(tips[-1])
            lost = loose(bare, chance.choice([*(each.oid for each in fresh.entries().values()), fresh.id]))
            lost.rename(lost.with_suffix(".away"))
        here = there = ""
        try:
            proofs.first(tips[-1], chance.choice([None, tips[0]]))
        except Fault as fault:
            there = fault.code
        try:
            tree = open_local(bare.path).tree(tips[-1])
            for entry in tree.entries().values():
                tree.read(entry.oid)
        except Fault as fault:
            here = fault.code
        # A file that was read for an earlier commit is not read for a later one.
        assert there in ("", here), tips[-1]
        if here and not there:
            assert lost is not None
        if lost is not None:
            lost.with_suffix(".away").rename(lost)
            proofs.first(tips[-1])
