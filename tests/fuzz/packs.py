"""Packs with their indexes, as one text of bytes: the index, then the pack, which begins with its own mark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.cases import crafted


def good() -> Iterator[bytes]:
    """A few that are what git writes, and some that are not."""
    base = crafted.whole(crafted.BLOB, b"base of four" * 4)
    one, other = b"\x21" * 20, b"\x22" * 20
    for objects in (
        [base],
        [base, crafted.delta(one, base.name, 48, 4)],
        [base, crafted.delta(one, base.name, 48, 4), crafted.delta(other, one, 4, 4)],
        [crafted.delta(one, other, 4, 4), crafted.delta(other, one, 4, 4)],
        [base, crafted.delta(one, base.name, 48, 2**60)],
    ):
        with tempfile.TemporaryDirectory(prefix="vigo-fuzz-") as folder:
            home = Path(folder)
            (home / "objects/pack").mkdir(parents=True)
            index = crafted.pack(home, objects)
            yield index.read_bytes() + index.with_suffix(".pack").read_bytes()
