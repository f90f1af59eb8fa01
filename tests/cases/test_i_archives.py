"""Hostile cases, group I: archives. What each is about, and every test that shows it: docs/hostile-input.md."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from pathlib import Path

from tests.cases.measure import MIB, costs

# I4


def zeros(path: Path, size: int) -> None:
    """A tar file of one file of so many zeros, packed by gzip as well as it can be."""
    header = tarfile.TarInfo("zeros")
    header.size = size
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as made:
        made.write(packer.compress(header.tobuf()))
        for _ in range(size // MIB):
            made.write(packer.compress(bytes(MIB)))
        made.write(packer.flush())


def many(path: Path, number: int) -> None:
    """A tar file of so many empty files."""
    block = b"".join(tarfile.TarInfo(f"{each}").tobuf() for each in range(1000))
    path.write_bytes(gzip.compress(block * (number // 1000), 1))


def forty_two(path: Path) -> None:
    """A ZIP file whose entries all are the same packed bytes: little that says it is much (Fifield 2019)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}", bytes(5 * MIB))
    path.write_bytes(made.getvalue())


def test_i4_a_bomb_is_refused_within_its_bounds(tmp_path: Path) -> None:
    made = {"zeros": zeros, "many": many, "forty_two": forty_two}
    zeros(tmp_path / "zeros", 64 * MIB)
    many(tmp_path / "many", 200_000)
    forty_two(tmp_path / "forty_two")
    found = dict(zip(made, costs("tests.cases.acts:unpacked", [str(tmp_path / name) for name in made]), strict=True))
    for name, each in found.items():
        assert isinstance(each.outcome, str), name
        assert each.cpu_s < 10, name
        assert each.grown_bytes < 64 * MIB, name
