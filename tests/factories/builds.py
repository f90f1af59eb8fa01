"""Builds of the agent for tests: one real one, kept below build/ while nothing that goes into it has changed; others are
that one with a word replaced."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import IO

from api.cli import packing

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "agents"


def zipapp() -> Path:
    """A build of this checkout for this Python. Some ten seconds, once."""
    digest = hashlib.sha256((ROOT / "uv.lock").read_bytes())
    for package in packing.PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update((ROOT / "api" / "cli" / "packing.py").read_bytes())
    KEPT.mkdir(parents=True, exist_ok=True)
    place = KEPT / digest.hexdigest()[:16]
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            for old in KEPT.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            making = KEPT / "making"
            making.mkdir()
            packing.zipapp(ROOT, packing.here(), making)
            making.rename(place)
    (made,) = place.iterdir()
    return made


def variant(build: Path, folder: Path, version: str, **replaced: tuple[str, str]) -> Path:
    """The same as another version; `replaced`: stem of a module of `agent` → what stands there, and what shall."""
    base = build.name.split("-")[2]
    words = {"agent/__init__.py": (f'"{base}"', f'"{version}"')}
    words |= {f"agent/{stem}.py": pair for stem, pair in replaced.items()}
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / build.name.replace(base, version, 1)
    with made.open("wb") as file, build.open("rb") as whole:
        file.write(whole.readline())  # PEX knows itself by its first line
        _rewrite(build, file, words)
    return made


def _rewrite(build: Path, file: IO[bytes], words: dict[str, tuple[str, str]]) -> None:
    with zipfile.ZipFile(build) as source, zipfile.ZipFile(file, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename in words:
                before, after = (word.encode() for word in words[entry.filename])
                assert before in data
                data = data.replace(before, after, 1)
            target.writestr(entry.filename, data)  # not compressed: that takes longer than all else here
