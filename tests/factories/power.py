"""What a power cut leaves of a directory: a program is recorded at its system calls, and every disk that could be there
after each of them is built.

A write, a truncation or a new name is durable once its file, or the directory of the name, was synced after it; until
then a disk may hold it, hold a part of it, or not hold it, whatever happened after it. That is what POSIX promises and
no more: a file system that keeps more order only loses less.

`kill -9` would test none of this: the page cache survives it.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

CALLS: Final = (
    "open,openat,creat,write,pwrite64,pwritev,writev,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,"
    "unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,sync,syncfs,close,copy_file_range,sendfile"
)
PATIENCE_S: Final = 120.0
TORN: Final = (512, 4096)
_LINE: Final = re.compile(r"^(\d+)\s+(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FD: Final = re.compile(r"(?:^|, )(\d+)<((?:\\x[0-9a-f]{2})*)>")
_ANSWER: Final = re.compile(r"\)\s+= (-?\d+)(?:<((?:\\x[0-9a-f]{2})*)>)?")
_SAID: Final = b"said "


class Op(NamedTuple):
    """One call that changed something, or made something durable."""

    kind: str
    """`create`, `write`, `truncate`, `sync`, `rename`, `unlink`, `mkdir`, `link`, `symlink`, `syncall`, `said`."""
    path: str
    """Below the directory, without a leading slash; what was said, for `said`."""
    other: str = ""
    offset: int = -1
    """Where a write goes; -1 appends."""
    data: bytes = b""


@dataclass
class Recording:
    """What a program did to a directory, in the order in which its calls came back."""

    before: dict[str, bytes | None]
    """The directory as it was: path → content, None for a directory."""
    ops: list[Op]

    def said(self, until: int) -> list[str]:
        """What the program had told the world before this call."""
        return [op.path for op in self.ops[:until] if op.kind == "said"]


def say(text: str) -> None:
    """Tell the world something that has to hold from now on: an acknowledgement."""
    os.write(1, b"said " + text.encode() + b"\n")


def record(command: Sequence[str], directory: Path, *, env: Mapping[str, str] | None = None) -> Recording:
    """Run a program to its end and record what it does below `directory`."""
    directory = directory.resolve()
    before = _content(directory)
    log = directory.parent / f"{directory.name}.strace"
    done = subprocess.run(
        ["strace", "-f", "-y", "-xx", "-s", "8000000", "-e", f"trace=?{CALLS.replace(',', ',?')}", "-o", str(log), *command],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return Recording(before, list(_parsed(log, str(directory))))


def run_with_fault(command: Sequence[str], call: str, number: int, fault: str) -> tuple[int, list[str]]:
    """Run a program of which one system call fails, or kills it: how it ended, and what it had told the world.

    Args:
        fault: as strace injects it: `error=EIO`, `error=ENOSPC`, `signal=KILL`.
    """
    done = subprocess.run(
        ["strace", "-f", "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}", "-o", "/dev/null", *command],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    said = [line.removeprefix(_SAID).decode() for line in done.stdout.split(b"\n") if line.startswith(_SAID)]
    return done.returncode, said


def _parsed(log: Path, top: str) -> Iterator[Op]:
    begun: dict[str, str] = {}
    inside = top + "/"
    modes: dict[str, bool] = {}
    with log.open() as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            process, resumed, call, rest = found.groups()
            if resumed:
                call, rest = resumed, begun.pop(process, "") + rest
            elif rest.endswith("<unfinished ...>"):
                begun[process] = rest.removesuffix("<unfinished ...>")
                continue
            yield from _op(call, rest, top, inside, modes)


def _op(call: str, rest: str, top: str, inside: str, appending: dict[str, bool]) -> Iterator[Op]:
    answers = list(_ANSWER.finditer(rest))
    if not answers or int(answers[-1][1]) < 0:
        return
    answer = answers[-1]
    descriptor = _FD.search(rest)
    whose = _bytes(descriptor[2]).decode(errors="replace") if descriptor else ""
    own = whose[len(inside) :] if whose.startswith(inside) else "" if whose == top else None
    texts = [_bytes(text) for text in _TEXT.findall(rest)]
    if call in {"write", "writev"} and descriptor is not None and descriptor[1] == "1":
        for said in b"".join(texts).split(b"\n"):
            if said.startswith(_SAID):
                yield Op("said", said.removeprefix(_SAID).decode())
        return
    match call:
        case "open" | "openat" | "creat":
            place = _bytes(answer[2] or "").decode(errors="replace")
            if place.startswith(inside) and ("O_CREAT" in rest or call == "creat"):
                path = place[len(inside) :]
                appending[path] = "O_APPEND" in rest
                yield Op("create", path)
                if "O_TRUNC" in rest:
                    yield Op("truncate", path, offset=0)
            elif place.startswith(inside) and ("O_WRONLY" in rest or "O_RDWR" in rest):
                appending[place[len(inside) :]] = "O_APPEND" in rest
                if "O_TRUNC" in rest:
                    yield Op("truncate", place[len(inside) :], offset=0)
        case "write" | "writev" if own:
            yield Op("write", own, offset=-1, data=b"".join(texts)[: int(answer[1])])
        case "pwrite64" | "pwritev" if own:
            offset = int(rest[: answer.start()].rpartition(", ")[2])
            yield Op("write", own, offset=offset, data=b"".join(texts)[: int(answer[1])])
        case "ftruncate" if own:
            yield Op("truncate", own, offset=int(rest[: answer.start()].rpartition(", ")[2]))
        case "fsync" | "fdatasync" if own is not None:
            yield Op("sync", own)
        case "sync" | "syncfs":
            yield Op("syncall", "")
        case "copy_file_range" | "sendfile" | "fallocate" if own:
            raise AssertionError(f"{call} is not understood here")
        case _:
            yield from _naming(call, rest, texts, inside)


def _naming(call: str, rest: str, texts: list[bytes], inside: str) -> Iterator[Op]:
    """Calls that change names. A name is absolute, or below a directory that is open (`-y` shows which)."""
    bases = [
        _bytes(base).decode(errors="replace") for base in re.findall(r"(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>", rest)
    ]
    paths = []
    for at, text in enumerate(texts):
        path = text.decode(errors="replace")
        if not path.startswith("/") and bases:
            path = f"{bases[min(at, len(bases) - 1)]}/{path}"
        paths.append(os.path.normpath(path))
    below = [path[len(inside) :] if path.startswith(inside) else None for path in paths]
    match call:
        case "rename" | "renameat" | "renameat2" if below[0] is not None and below[1] is not None:
            yield Op("rename", below[0], below[1])
        case "unlink" | "unlinkat" | "rmdir" if below[0] is not None:
            yield Op("unlink", below[0])
        case "mkdir" | "mkdirat" if below[0] is not None:
            yield Op("mkdir", below[0])
        case "link" | "linkat" if below[0] is not None and below[1] is not None:
            yield Op("link", below[0], below[1])
        case "symlink" | "symlinkat" if below[-1] is not None:
            yield Op("symlink", below[-1], texts[0].decode(errors="replace"))


# disks


@dataclass
class _Disk:
    names: dict[str, int | None] = field(default_factory=dict)
    """Path → file; None for a directory."""
    files: dict[int, bytearray] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


class Image(NamedTuple):
    """A disk that a power cut may leave."""

    at: int
    """After how many calls."""
    what: str
    lost: frozenset[int]
    """Calls that did not reach it."""
    torn: int = 0
    """Of the last write only so many bytes did; 0: all."""


def images(recording: Recording, chance: random.Random, count: int) -> list[Image]:
    """Some of the disks that there can be, of every kind: at each acknowledgement and each sync, and in between."""
    ops = recording.ops
    turns = [at for at, op in enumerate(ops) if op.kind in {"said", "sync", "rename", "syncall"}]
    points = sorted({*turns, *(at + 1 for at in turns), len(ops)})
    every: list[Image] = []
    for at in [*points, *(chance.randrange(len(ops) + 1) for _ in range(count // 4))]:
        open_ = _undurable(ops, at)
        every.append(Image(at, "as it was", frozenset()))
        if not open_:
            continue
        every.append(Image(at, "without all that was not synced", frozenset(open_)))
        every.append(Image(at, "without one call", frozenset({chance.choice(open_)})))
        every.append(Image(at, "in another order", frozenset(each for each in open_ if chance.random() < 0.5)))
        named = [each for each in open_ if ops[each].kind not in {"write", "truncate"}]
        if named:
            every.append(Image(at, "without names that were not synced", frozenset(named)))
        last = open_[-1]
        if ops[last].kind == "write" and last == at - 1:
            every += [Image(at, f"torn at {size}", frozenset(), size) for size in TORN if size < len(ops[last].data)]
    if len(every) <= count:
        return every
    # Of each kind as many as there is room for: one kind of many would leave no room for the others.
    kinds: dict[str, list[Image]] = {}
    for image in every:
        kinds.setdefault(image.what, []).append(image)
    chosen: list[Image] = []
    share = max(1, count // len(kinds))
    for found in kinds.values():
        chosen += chance.sample(found, min(share, len(found)))
    return chosen


def build(recording: Recording, image: Image, place: Path) -> None:
    """Make this disk in an empty directory."""
    disk = _Disk()
    for path, content in recording.before.items():
        disk.names[path] = None
        if content is not None:
            disk.names[path] = len(disk.files)
            disk.files[len(disk.files)] = bytearray(content)
    disk.names[""] = None
    ids: dict[str, int] = {path: file for path, file in disk.names.items() if file is not None}
    """Which file a path named when the program ran: a write goes to it, whatever the name is worth on the disk."""
    for at, op in enumerate(recording.ops[: image.at]):
        _replay(disk, ids, op, lost=at in image.lost, torn=image.torn if at == image.at - 1 else 0)
    for path, file in sorted(disk.names.items(), key=lambda each: each[0]):
        target = place / path
        if not _reachable(disk, path):
            continue
        if file is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(disk.files[file])
            target.chmod(0o600)
    for path, leads_to in disk.links.items():
        if _reachable(disk, path):
            (place / path).symlink_to(leads_to)


def _reachable(disk: _Disk, path: str) -> bool:
    parent = path.rpartition("/")[0]
    return not path or (disk.names.get(parent, 0) is None and _reachable(disk, parent))


def _replay(disk: _Disk, ids: dict[str, int], op: Op, *, lost: bool, torn: int) -> None:
    match op.kind:
        case "create":
            if op.path not in ids:
                ids[op.path] = len(disk.files)
                disk.files[ids[op.path]] = bytearray()
                if not lost:
                    disk.names[op.path] = ids[op.path]
        case "write" if op.path in ids:
            data = op.data[:torn] if torn else op.data
            content = disk.files[ids[op.path]]
            if not lost:
                start = len(content) if op.offset < 0 else op.offset
                content.extend(bytes(max(0, start - len(content))))
                content[start : start + len(data)] = data
        case "truncate" if op.path in ids and not lost:
            content = disk.files[ids[op.path]]
            del content[op.offset :]
            content.extend(bytes(op.offset - len(content)))
        case "rename":
            _rename(disk, ids, op, lost=lost)
        case "unlink":
            ids.pop(op.path, None)
            if not lost:
                disk.names.pop(op.path, None)
                disk.links.pop(op.path, None)
        case "mkdir" if not lost:
            disk.names[op.path] = None
        case "link":
            if op.path in ids:
                ids[op.other] = ids[op.path]
                if not lost:
                    disk.names[op.other] = ids[op.path]
        case "symlink" if not lost:
            disk.links[op.path] = op.other


def _rename(disk: _Disk, ids: dict[str, int], op: Op, *, lost: bool) -> None:
    moved = {path: op.other + path[len(op.path) :] for path in {*ids, *disk.names} if _within(path, op.path)}
    for old, new in moved.items():
        if old in ids:
            ids[new] = ids.pop(old)
        if not lost:
            if old in disk.names:
                disk.names[new] = disk.names.pop(old)
            elif new in ids:  # its first name never reached the disk, this one did
                disk.names[new] = ids[new]


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")


def _undurable(ops: Sequence[Op], until: int) -> list[int]:
    """Calls before this one that nothing has made durable yet. A file that was renamed is the same file."""
    open_: list[int] = []
    now: dict[str, str] = {}
    """First path → path now, of files that were written and then renamed."""
    for at, op in enumerate(ops[:until]):
        if op.kind == "said":
            continue
        if op.kind == "syncall":
            open_ = []
        elif op.kind == "sync":
            open_ = [each for each in open_ if not _settles(op.path, ops[each], now)]
        else:
            if op.kind == "rename":
                now = {first: op.other if path == op.path else path for first, path in now.items()}
                now[op.path] = op.other
            elif op.kind == "create":
                now = {first: path for first, path in now.items() if first != op.path}
            open_.append(at)
    return open_


def _settles(synced: str, op: Op, now: Mapping[str, str]) -> bool:
    if op.kind in {"write", "truncate"}:
        return now.get(op.path, op.path) == synced
    parents = {op.path.rpartition("/")[0]} | ({op.other.rpartition("/")[0]} if op.kind in {"rename", "link"} else set())
    return synced in parents


def each_disk(
    recording: Recording,
    place: Path,
    chance: random.Random,
    count: int,
    complaint: Callable[[Path, list[str]], str],
) -> list[str]:
    """Build disks one after the other and ask what is wrong with each, given what had been acknowledged by then."""
    wrong = []
    for number, image in enumerate(images(recording, chance, count)):
        disk = place / f"disk{number}"
        disk.mkdir(parents=True)
        build(recording, image, disk)
        found = complaint(disk, recording.said(image.at))
        if found:
            wrong.append(f"after {image.at} of {len(recording.ops)} calls, {image.what}: {found}")
        subprocess.run(["rm", "-rf", str(disk)], check=True)
    return wrong


def _content(directory: Path) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        found[name] = None if path.is_dir() else path.read_bytes()
    return found


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
